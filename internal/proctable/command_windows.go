package proctable

import (
	"errors"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// command returns the command line as CommandLineToArgvW splits it, or nil if it cannot be
// read. How the program itself splits it nobody else knows.
func (p process) command() []string {
	line, err := p.askCommandLine()
	if errors.Is(err, windows.STATUS_INVALID_INFO_CLASS) {
		line, err = peekCommandLine(p.ID)
	}
	if err != nil || line == "" {
		return nil
	}
	args, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return nil
	}
	return args
}

// askCommandLine asks the system, which answers since Windows 8.1. Wine 10 does not know the
// question.
func (p process) askCommandLine() (string, error) {
	answer := new(struct {
		line windows.NTUnicodeString
		text [math.MaxUint16/2 + 1]uint16
	})
	err := p.query(windows.ProcessCommandLineInformation, unsafe.Pointer(answer), unsafe.Sizeof(*answer))
	if err != nil || answer.line.Buffer == nil {
		return "", err
	}
	return answer.line.String(), nil
}

// peekCommandLine reads the line in the memory of the process, if that is laid out as it is
// in this one, with pointers of 64 bits.
func peekCommandLine(id ID) (string, error) {
	p, err := open(id, windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ)
	if err != nil {
		return "", err
	}
	defer p.close()
	var narrow bool
	if err := windows.IsWow64Process(p.handle, &narrow); err != nil || narrow {
		return "", errors.ErrUnsupported
	}
	// What is an address there is no pointer here: in the types of package windows the
	// garbage collector would take it for one.
	var basic struct{ status, peb, affinity, priority, pid, parent uintptr }
	var params uintptr
	var line struct {
		length, size uint16
		text         uintptr
	}
	if err := p.query(windows.ProcessBasicInformation, unsafe.Pointer(&basic), unsafe.Sizeof(basic)); err != nil {
		return "", err
	}
	at := basic.peb + unsafe.Offsetof(windows.PEB{}.ProcessParameters)
	if err := p.read(at, unsafe.Pointer(&params), unsafe.Sizeof(params)); err != nil {
		return "", err
	}
	at = params + unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.CommandLine)
	if err := p.read(at, unsafe.Pointer(&line), unsafe.Sizeof(line)); err != nil {
		return "", err
	}
	text := make([]uint16, line.length/2)
	if err := p.read(line.text, unsafe.Pointer(unsafe.SliceData(text)), uintptr(len(text))*2); err != nil {
		return "", err
	}
	return windows.UTF16ToString(text), nil
}

// query asks for what the system knows of the process.
func (p process) query(class int32, info unsafe.Pointer, size uintptr) error {
	err := windows.NtQueryInformationProcess(p.handle, class, info, uint32(size), nil)
	return os.NewSyscallError("NtQueryInformationProcess", err)
}

// read copies memory of the process.
func (p process) read(at uintptr, to unsafe.Pointer, size uintptr) error {
	err := windows.ReadProcessMemory(p.handle, at, (*byte)(to), size, nil)
	return os.NewSyscallError("ReadProcessMemory", err)
}

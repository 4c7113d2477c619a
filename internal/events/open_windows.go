package events

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// openStdout returns a duplicate of standard output.
func openStdout() (*os.File, error) {
	us := windows.CurrentProcess()
	var handle windows.Handle
	err := windows.DuplicateHandle(us, windows.Handle(os.Stdout.Fd()), us, &handle, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, os.NewSyscallError("DuplicateHandle", err)
	}
	return os.NewFile(uintptr(handle), "events"), nil
}

// openFD takes over a handle.
func openFD(number uintptr) (*os.File, error) {
	handle := windows.Handle(number)
	if kind, err := windows.GetFileType(handle); err != nil || kind == windows.FILE_TYPE_UNKNOWN {
		return nil, fmt.Errorf("handle %d is not one to write to: %w", number, os.ErrInvalid)
	}
	if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, 0); err != nil {
		return nil, os.NewSyscallError("SetHandleInformation", err)
	}
	return os.NewFile(number, "events"), nil
}

// openFile opens a file.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
}

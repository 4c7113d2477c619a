package procgroup

import (
	"crypto/rand"
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/windows"
)

// newPipe makes a pipe of which the reading end is open for overlapped I/O, and so has
// deadlines: what os.Pipe returns has none. The writing end is open for synchronous I/O,
// as programs expect of their standard output.
//
// The pipe is nobody else's (CreateNamedPipe): the name was not in use, and the only
// instance is taken when the writing end is open. Who comes between makes that fail.
func newPipe() (r, w *os.File, err error) {
	name := `\\.\pipe\procgroup-` + rand.Text()
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, nil, err
	}
	h, err := windows.CreateNamedPipe(path,
		windows.PIPE_ACCESS_INBOUND|windows.FILE_FLAG_OVERLAPPED|windows.FILE_FLAG_FIRST_PIPE_INSTANCE,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS,
		1, 0, defaultPipeCapacity, 0, nil)
	if err != nil {
		return nil, nil, os.NewSyscallError("CreateNamedPipe", err)
	}
	r = os.NewFile(uintptr(h), name)
	w, err = os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		r.Close()
		return nil, nil, err
	}
	return r, w, nil
}

// readNow reads what is there from a handle that is open for overlapped I/O.
func readNow(fd uintptr, buf []byte) int {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return 0
	}
	defer func() { windows.CloseHandle(event) }()
	// With the lowest bit of the event set, the completion port of the Go runtime is not
	// told (GetQueuedCompletionStatus).
	o := &windows.Overlapped{HEvent: event | 1}
	var pinner runtime.Pinner // the system writes to both until the read is complete
	pinner.Pin(o)
	pinner.Pin(&buf[0])
	defer pinner.Unpin()

	var n uint32
	handle := windows.Handle(fd)
	err = windows.ReadFile(handle, buf, &n, o)
	if errors.Is(err, windows.ERROR_IO_PENDING) {
		// Nothing is there, unless it came just now.
		_ = windows.CancelIoEx(handle, o)
		err = windows.GetOverlappedResult(handle, o, &n, true)
	}
	if err != nil {
		return 0
	}
	return int(n)
}

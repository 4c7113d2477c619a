package proctable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// process is a handle of a process. While it is open nobody else gets the number.
type process struct {
	ID
	handle windows.Handle
}

// open opens a process, if it is the one with this identity.
func open(id ID, access uint32) (process, error) {
	handle, err := windows.OpenProcess(access|windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(id.PID))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return process{}, gone(id.PID)
	}
	if err != nil {
		return process{}, os.NewSyscallError("OpenProcess", err)
	}
	p := process{id, handle}
	var created, exited, kernel, user windows.Filetime
	err = os.NewSyscallError("GetProcessTimes", windows.GetProcessTimes(handle, &created, &exited, &kernel, &user))
	if err == nil && uint64(created.HighDateTime)<<32|uint64(created.LowDateTime) != id.Start {
		err = gone(id.PID)
	}
	if err != nil {
		p.close()
		return process{}, err
	}
	return p, nil
}

func (p process) close() { windows.CloseHandle(p.handle) }

// exited reports whether the process is there only because it is held, by this handle or
// others, which needs SYNCHRONIZE.
func (p process) exited() bool {
	event, err := windows.WaitForSingleObject(p.handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

// exited reports whether a process is gone, or there only because somebody holds it.
func exited(id ID) bool {
	p, err := open(id, windows.SYNCHRONIZE)
	if err != nil {
		return errors.Is(err, os.ErrProcessDone)
	}
	defer p.close()
	return p.exited()
}

package procgroup

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup/internal/jobobject"
	"github.com/procgroup/procgroup/internal/winthread"
)

// A command can become a member in two ways.
//
// It is born in the job (PROC_THREAD_ATTRIBUTE_JOB_LIST): then there is no moment at which it
// is not a member, and none at which the owner's death would leave it. os/exec cannot do that,
// so it is for commands for which os/exec has nothing to do but to start them.
//
// Others os/exec starts suspended, and they are assigned and resumed. If the owner is killed
// between the first two, a process stays behind that has never run, and never will. The ways
// around that which were weighed change more than they mend: a parent inside the job
// (PROC_THREAD_ATTRIBUTE_PARENT_PROCESS) takes the owner's console from the command, and another
// process for its parent; the owner in a job of its own would take those of its children with it
// that are none of ours; starting as a debugger is seen by the command, and by virus scanners.

func (b *jobBackend) start(cmd *exec.Cmd, plain bool) (started, error) {
	if cmd.Err != nil || cmd.Path == "" {
		return started{}, cmd.Start() // says what is wrong
	}
	j, err := b.enter()
	if err != nil {
		return started{}, err
	}
	defer b.leave(j)
	if plain && canBeBorn(cmd) {
		return started{byHand: true}, b.startBorn(j, cmd)
	}
	return started{}, b.startSuspended(j, cmd)
}

// startSuspended has os/exec start the command, and puts it into the job before it runs.
func (b *jobBackend) startSuspended(j *job, cmd *exec.Cmd) error {
	stays := cmd.SysProcAttr != nil && cmd.SysProcAttr.CreationFlags&windows.CREATE_SUSPENDED != 0
	undo, err := suspendAtStart(cmd)
	if err != nil {
		return err
	}
	defer undo()
	if err := cmd.Start(); err != nil {
		return err
	}
	handleErr := cmd.Process.WithHandle(func(handle uintptr) {
		process := windows.Handle(handle)
		err = j.Assign(process)
		if err == nil && !stays {
			err = winthread.ResumeProcess(process)
		}
		if err == nil {
			err = b.holdLeader(process, cmd.Process.Pid)
		} else if jobobject.HasExited(process) {
			err = nil // its context has ended, and os/exec has ended it
		}
	})
	if err := errors.Join(handleErr, err); err != nil {
		return errors.Join(err, abandon(cmd))
	}
	return nil
}

// holdLeader keeps a command, which leads a console process group.
func (b *jobBackend) holdLeader(process windows.Handle, pid int) error {
	self := windows.CurrentProcess()
	var own windows.Handle
	err := windows.DuplicateHandle(self, process, self, &own, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return os.NewSyscallError("DuplicateHandle", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold(heldProcess{handle: own, pid: pid, leads: true})
	return nil
}

// canBeBorn reports whether startBorn does for a command what os/exec would. It does not look
// for extensions, interpret scripts, say what is wrong with variables, or know the rarer
// attributes; and the handle that cmd.Process has is not good enough to resume a process that the
// caller wants to be suspended.
func canBeBorn(cmd *exec.Cmd) bool {
	hasNull := func(s string) bool { return strings.IndexByte(s, 0) >= 0 }
	ext := filepath.Ext(cmd.Path)
	if slices.ContainsFunc(cmd.Env, hasNull) || !strings.EqualFold(ext, ".exe") && !strings.EqualFold(ext, ".com") {
		return false
	}
	a := cmd.SysProcAttr
	return filepath.IsAbs(cmd.Path) && len(cmd.ExtraFiles) == 0 && (a == nil ||
		a.CreationFlags&windows.CREATE_SUSPENDED == 0 && a.Token == 0 &&
			a.ProcessAttributes == nil && a.ThreadAttributes == nil && a.ParentProcess == 0)
}

// startBorn starts a command that is born in the job, with a handle for each of its files that
// nobody else inherits.
func (b *jobBackend) startBorn(j *job, cmd *exec.Cmd) error {
	var attr syscall.SysProcAttr
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	streams, err := inheritable(cmd)
	if err != nil {
		return err
	}
	defer streams.close()
	info, err := j.createProcess(cmd, attr, streams)
	if err != nil {
		return &fs.PathError{Op: "fork/exec", Path: cmd.Path, Err: err}
	}
	windows.CloseHandle(info.Thread)
	// It has a handle of its own; until then this one keeps the number.
	process, err := os.FindProcess(int(info.ProcessId))
	if err != nil {
		_ = windows.TerminateProcess(info.Process, killedStatus)
		windows.CloseHandle(info.Process)
		return err
	}
	cmd.Process = process
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold(heldProcess{handle: info.Process, pid: process.Pid, leads: true})
	return nil
}

// createProcess does what syscall.StartProcess does, but in the job.
func (j *job) createProcess(cmd *exec.Cmd, attr syscall.SysProcAttr, streams streams) (*windows.ProcessInformation, error) {
	path, err := windows.UTF16PtrFromString(cmd.Path)
	if err != nil {
		return nil, err
	}
	line, err := commandLine(cmd, attr)
	if err != nil {
		return nil, err
	}
	env := environmentBlock(cmd.Environ())
	var dir *uint16
	if cmd.Dir != "" {
		if dir, err = windows.UTF16PtrFromString(cmd.Dir); err != nil {
			return nil, err
		}
	}
	list, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return nil, err
	}
	defer list.Delete()
	const jobList = 0x0002000D // PROC_THREAD_ATTRIBUTE_JOB_LIST, since Windows 10
	job := j.Handle()
	if err := list.Update(jobList, unsafe.Pointer(&job), unsafe.Sizeof(job)); err != nil {
		return nil, err
	}
	handles := streams.inherited(attr)
	if len(handles) > 0 {
		err := list.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&handles[0]),
			uintptr(len(handles))*unsafe.Sizeof(handles[0]))
		if err != nil {
			return nil, err
		}
	}
	startup := &windows.StartupInfoEx{ProcThreadAttributeList: list.List()}
	startup.Cb = uint32(unsafe.Sizeof(*startup))
	startup.Flags = windows.STARTF_USESTDHANDLES
	startup.StdInput, startup.StdOutput, startup.StdErr = streams[0], streams[1], streams[2]
	if attr.HideWindow {
		startup.Flags |= windows.STARTF_USESHOWWINDOW
		startup.ShowWindow = windows.SW_HIDE
	}
	flags := attr.CreationFlags | windows.CREATE_NEW_PROCESS_GROUP |
		windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	info := new(windows.ProcessInformation)
	err = windows.CreateProcess(path, line, nil, nil, len(handles) > 0, flags, &env[0], dir, &startup.StartupInfo, info)
	return info, err
}

// commandLine returns the arguments in one text, quoted as os/exec does.
func commandLine(cmd *exec.Cmd, attr syscall.SysProcAttr) (*uint16, error) {
	if attr.CmdLine != "" {
		return windows.UTF16PtrFromString(attr.CmdLine)
	}
	args := cmd.Args
	if len(args) == 0 {
		args = []string{cmd.Path}
	}
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = syscall.EscapeArg(arg)
	}
	return windows.UTF16PtrFromString(strings.Join(quoted, " "))
}

// environmentBlock returns variables as CreateProcess takes them: sorted by name, with a null
// behind each and behind all (Windows page "Changing Environment Variables").
func environmentBlock(vars []string) []uint16 {
	vars = slices.Clone(vars)
	slices.SortStableFunc(vars, func(a, b string) int {
		return strings.Compare(variableName(a), variableName(b))
	})
	var block []uint16
	for _, v := range vars {
		block = append(append(block, utf16.Encode([]rune(v))...), 0)
	}
	if len(block) == 0 {
		block = append(block, 0)
	}
	return append(block, 0)
}

// variableName returns what a variable is sorted by. Names of drives begin with "=".
func variableName(v string) string {
	if i := strings.IndexByte(v[min(1, len(v)):], '='); i >= 0 {
		v = v[:i+1]
	}
	return strings.ToUpper(v)
}

// streams are the handles of standard input, output and error.
type streams [3]windows.Handle

// inheritable makes handles of a command's files that can be inherited. Only those that
// are named at a start are, so nobody else gets them.
func inheritable(cmd *exec.Cmd) (s streams, err error) {
	self := windows.CurrentProcess()
	for i, stream := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		file, ok := stream.(*os.File)
		if !ok {
			if file, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
				defer file.Close()
			}
		}
		if handle := windows.Handle(file.Fd()); err == nil && handle != 0 {
			err = windows.DuplicateHandle(self, handle, self, &s[i], 0, true, windows.DUPLICATE_SAME_ACCESS)
			err = os.NewSyscallError("DuplicateHandle", err)
		}
		if err != nil {
			s.close()
			return streams{}, err
		}
	}
	return s, nil
}

// inherited returns the handles that the command inherits.
func (s streams) inherited(attr syscall.SysProcAttr) []windows.Handle {
	if attr.NoInheritHandles {
		return nil
	}
	list := slices.Clone(s[:])
	for _, h := range attr.AdditionalInheritedHandles {
		list = append(list, windows.Handle(h))
	}
	// With a null in it the system takes the list for empty.
	return slices.DeleteFunc(list, func(h windows.Handle) bool { return h == 0 })
}

func (s streams) close() {
	for _, handle := range s {
		if handle != 0 {
			windows.CloseHandle(handle)
		}
	}
}

//go:build linux || dragonfly || freebsd

package procgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/reaper"
)

// A command below a reaper is not the owner's child, which os/exec wants: it gets a mirror
// that is (see package reaper). There are two ways to make one.
//
// If os/exec has nothing to do for the command but to start it, the guardian forks the
// mirror, in no time. Otherwise os/exec starts the mirror as if it were the command, with
// the files that os/exec has made for it, and the mirror hands these on. That takes as long
// as any start of this program.

// start starts a command. If os/exec has nothing else to do for it, it is plain.
func (b *reaperBackend) start(cmd *exec.Cmd, plain bool) (started, error) {
	if cmd.Err != nil || cmd.Path == "" {
		return started{}, cmd.Start() // says what is wrong
	}
	now, err := takeImprint()
	if err != nil {
		return started{}, err
	}
	spec, err := newSpec(cmd, now)
	if err != nil {
		return started{}, err
	}
	r, err := b.enter(now)
	if err != nil {
		return started{}, err
	}
	begin := r.startMirrored
	byHand := plain && reaper.CanCloneMirror
	if byHand {
		begin = r.startPlain
	}
	pid, err := begin(cmd, spec)
	if err != nil {
		return started{}, startError(cmd, err)
	}
	return started{func() *os.Process { return r.findLeader(pid) }, byHand}, nil
}

// startError makes what a reaper says of a start that has failed the error that os/exec
// would have returned.
func startError(cmd *exec.Cmd, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return &fs.PathError{Op: "fork/exec", Path: cmd.Path, Err: errno}
	}
	return err
}

// newSpec returns what a reaper has to know of a command.
func newSpec(cmd *exec.Cmd, now imprint) (*reaper.Spec, error) {
	spec := &reaper.Spec{
		Path: []byte(cmd.Path), Dir: []byte(cmd.Dir),
		Args: cmd.Args, Env: cmd.Environ(), Umask: now.umask, Attr: new(syscall.SysProcAttr),
	}
	if len(cmd.Args) == 0 {
		spec.Args = []string{cmd.Path}
	}
	a := spec.Attr
	if cmd.SysProcAttr != nil {
		*a = *cmd.SysProcAttr
	}
	for field, set := range map[string]bool{
		"Foreground": a.Foreground, "Ptrace": a.Ptrace, "PidFD": wantsPidFD(a), "Pgid": a.Pgid != 0,
	} {
		if set {
			return nil, conflict(field, Reaper)
		}
	}
	if !a.Setsid {
		a.Setpgid = true // not in the reaper's group: that is not to be killed
	}
	return spec, nil
}

// attachments are the descriptors that go with the order to start a command.
type attachments struct {
	files  []int
	opened []int // of those, the ones to close
}

// attach opens the directory that this process is in, and puts it and the connection to the
// mirror and the cgroup into the order they have to have.
func attach(spec *reaper.Spec, mirror int) (*attachments, error) {
	dir, err := unix.Open(".", directoryFlag|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	a := &attachments{files: []int{dir, mirror}, opened: []int{dir}}
	if cgroup, ok := cgroupOf(spec.Attr); ok {
		a.files = append(a.files, cgroup)
	}
	return a, nil
}

// startPlain starts a command with a cloned mirror. The guardian makes that while the reaper
// starts the command.
func (r *reaperClient) startPlain(cmd *exec.Cmd, spec *reaper.Spec) (pid int, err error) {
	mirrorEnd, reaperEnd, err := helper.NewSocketPair()
	if err != nil {
		return 0, err
	}
	defer mirrorEnd.Close()
	defer reaperEnd.Close()
	a, err := attach(spec, int(reaperEnd.Fd()))
	if err != nil {
		return 0, err
	}
	defer helper.CloseFiles(a.opened)
	a.addFiles(cmd, spec)
	id, err := r.send(reaper.Order{Op: reaper.Start, Start: spec}, a.files...)
	if err != nil {
		return 0, err
	}
	mirror, mirrorErr := theGuardian.consult(askMirror, nil, int(mirrorEnd.Fd()))
	var process *os.Process
	if mirrorErr == nil {
		process, mirrorErr = os.FindProcess(mirror.PID) // our child, so it is there until we reap it
	}
	// Without a mirror the reaper kills the command, without a command the mirror ends.
	mirrorEnd.Close()
	reaperEnd.Close()
	report, err := r.await(id)
	if mirrorErr != nil {
		return 0, errors.Join(err, fmt.Errorf("cannot make a mirror: %w", mirrorErr))
	}
	if err != nil {
		_, _ = process.Wait()
		return 0, err
	}
	cmd.Process = process
	return report.PID, nil
}

// addFiles adds the files that a plain command is to have.
func (a *attachments) addFiles(cmd *exec.Cmd, spec *reaper.Spec) {
	add := func(number int, f *os.File) {
		a.files = append(a.files, int(f.Fd()))
		spec.Files = append(spec.Files, number)
	}
	for number, stream := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if f, ok := stream.(*os.File); ok {
			add(number, f)
		} else {
			spec.Null = append(spec.Null, number)
		}
	}
	for i, f := range cmd.ExtraFiles {
		if f != nil {
			add(3+i, f)
		}
	}
	for _, fd := range inheritedFiles(3 + len(cmd.ExtraFiles)) {
		a.files = append(a.files, fd)
		spec.Files = append(spec.Files, fd)
	}
}

// inheritedFiles returns the descriptors, from a number on, that this process has from its
// parent, and hands on: those that are not closed on exec. Go programs make no others.
func inheritedFiles(from int) []int {
	var list []int
	for _, fd := range inheritedAtFirst() {
		if fd >= from && isHandedOn(fd) {
			list = append(list, fd)
		}
	}
	return list
}

// isHandedOn reports whether a descriptor is open and not closed on exec.
func isHandedOn(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// inheritedAtFirst returns those that there were when the first command was started.
var inheritedAtFirst = sync.OnceValue(func() []int {
	names, err := os.ReadDir(descriptorDir)
	if err != nil {
		return nil
	}
	var list []int
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err == nil && fd >= 3 && isHandedOn(fd) {
			list = append(list, fd)
		}
	}
	return list
})

// startMirrored starts a command by starting a mirror in its place.
func (r *reaperClient) startMirrored(cmd *exec.Cmd, spec *reaper.Spec) (pid int, err error) {
	original := *cmd
	p, err := prepareMirror(cmd, spec)
	if err != nil {
		return 0, err
	}
	defer p.free()
	defer func() {
		cmd.Path, cmd.Args, cmd.Dir = original.Path, original.Args, original.Dir
		cmd.ExtraFiles, cmd.SysProcAttr = original.ExtraFiles, original.SysProcAttr
	}()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid, err = p.order(r)
	if err != nil {
		return 0, errors.Join(err, abandon(cmd))
	}
	return pid, nil
}

// preparedStart is a command of which the mirror is not started yet, or not assigned.
type preparedStart struct {
	spec      *reaper.Spec
	mirrorEnd *os.File
	reaperEnd *os.File
	copies    []*os.File // of what the mirror inherits
}

// prepareMirror makes cmd a mirror.
func prepareMirror(cmd *exec.Cmd, spec *reaper.Spec) (*preparedStart, error) {
	mirrorEnd, reaperEnd, err := helper.NewSocketPair()
	if err != nil {
		return nil, err
	}
	p := &preparedStart{spec: spec, mirrorEnd: mirrorEnd, reaperEnd: reaperEnd}
	spec.FilesFromMirror = true
	spec.Files = []int{0, 1, 2}
	for i, f := range cmd.ExtraFiles {
		if f != nil {
			spec.Files = append(spec.Files, 3+i)
		}
	}
	// What the mirror inherits has to have the same number there.
	last := 2 + len(cmd.ExtraFiles)
	if inherited := inheritedFiles(last + 1); len(inherited) > 0 {
		spec.Files = append(spec.Files, inherited...)
		last = slices.Max(inherited)
	}
	path, args, err := helper.MirrorCommand(last+1, spec.Files, os.Getpid(), helper.Program())
	if err == nil && len(spec.Files) > helper.MaxFiles {
		err = fmt.Errorf("%w: %d files are more than can be handed on", ErrConflict, len(spec.Files))
	}
	if err != nil {
		p.free()
		return nil, err
	}
	cmd.Path, cmd.Args, cmd.Dir = path, args, ""
	cmd.ExtraFiles = slices.Clone(cmd.ExtraFiles)
	for number := 3 + len(cmd.ExtraFiles); number <= last; number++ {
		cmd.ExtraFiles = append(cmd.ExtraFiles, p.inherited(number))
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, mirrorEnd)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return p, nil
}

// inherited returns a descriptor that the mirror is to inherit, as a file; nil if there is none
// of this number.
func (p *preparedStart) inherited(number int) *os.File {
	if !slices.Contains(p.spec.Files, number) {
		return nil
	}
	fd, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "inherited")
	p.copies = append(p.copies, f)
	return f
}

func (p *preparedStart) free() {
	for _, f := range append(p.copies, p.mirrorEnd, p.reaperEnd) {
		f.Close()
	}
}

// order has a reaper start the command, of which the mirror was started.
func (p *preparedStart) order(r *reaperClient) (pid int, err error) {
	p.mirrorEnd.Close() // or nobody would notice that the mirror was killed
	a, err := attach(p.spec, int(p.reaperEnd.Fd()))
	if err != nil {
		return 0, err
	}
	defer helper.CloseFiles(a.opened)
	id, err := r.send(reaper.Order{Op: reaper.Start, Start: p.spec}, a.files...)
	if err != nil {
		return 0, err
	}
	p.reaperEnd.Close()
	report, err := r.await(id)
	return report.PID, err
}

// findLeader returns the process of a command. If it has ended already, that can be seen from
// the process.
func (r *reaperClient) findLeader(pid int) *os.Process {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	// If the reaper has not reaped it even now, the number was its own all the time.
	id, err := r.send(reaper.Order{Op: reaper.IsUnreaped, PID: pid})
	if err == nil {
		_, err = r.await(id)
	}
	if err != nil {
		_ = p.Release() // it may be another's by now
		p.Pid = pid
	}
	return p
}

func (b *reaperBackend) prepare(cmd *exec.Cmd) error {
	if cmd.Err != nil {
		return cmd.Err
	}
	now, err := takeImprint()
	if err != nil {
		return err
	}
	spec, err := newSpec(cmd, now)
	if err != nil {
		return err
	}
	env := cmd.Environ()
	p, err := prepareMirror(cmd, spec)
	if err != nil {
		return err
	}
	cmd.Env = env
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = append(b.prepared, p)
	return nil
}

func (b *reaperBackend) assign(pid int) (leader func() *os.Process, err error) {
	entry, err := proctable.Lookup(pid)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	known := b.mirrors[pid]
	prepared := slices.Clone(b.prepared)
	b.mu.Unlock()
	if known {
		return nil, nil
	}
	if len(prepared) == 0 || entry.Parent != os.Getpid() || !becomesMirror(entry.ID) {
		return nil, fmt.Errorf("%w: the containment reaper takes in only commands that Prepare has prepared",
			errors.ErrUnsupported)
	}
	i, err := find(prepared, pid)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.prepared = slices.DeleteFunc(b.prepared, func(p *preparedStart) bool { return p == prepared[i] })
	b.mu.Unlock()
	defer prepared[i].free()
	now, err := takeImprint()
	if err != nil {
		return nil, err
	}
	r, err := b.enter(now)
	if err != nil {
		return nil, err
	}
	command, err := prepared[i].order(r)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.mirrors[pid] = true
	b.mu.Unlock()
	return func() *os.Process { return r.findLeader(command) }, nil
}

// becomesMirror reports whether a process is a mirror, or is one soon: os/exec knows that a
// process was executed when the kernel has closed what is closed on exec, which is some time
// before its arguments can be read.
func becomesMirror(id proctable.ID) bool {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		d, err := proctable.Inspect(id)
		if err != nil || !d.Alive() {
			return false
		}
		if helper.IsMirror(d.Command) {
			return true
		}
	}
	return false
}

// find returns the index of the start of which the mirror has this number, which the mirror
// tells when it is there.
func find(prepared []*preparedStart, pid int) (int, error) {
	var fds []unix.PollFd
	for _, p := range prepared {
		p.mirrorEnd.Close() // the mirror has it
		fds = append(fds, unix.PollFd{Fd: int32(p.reaperEnd.Fd()), Events: unix.POLLIN})
	}
	for len(fds) > 0 {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, os.NewSyscallError("poll", err)
		}
		open := 0
		for i := range fds {
			switch mirror := peekMirror(int(fds[i].Fd)); {
			case fds[i].Revents == 0:
				open++
			case mirror == pid:
				return i, nil
			default:
				fds[i].Fd = -1 // another's, or nobody's
			}
		}
		if open == 0 {
			break
		}
	}
	return 0, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
}

// peekMirror returns the number that a mirror has told, and leaves what it has told to the
// reaper.
func peekMirror(fd int) (pid int) {
	if fd < 0 {
		return 0
	}
	var frame [16]byte // the length, how many descriptors, what it is, and the number
	n, _, err := unix.Recvfrom(fd, frame[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil || n < len(frame) {
		return 0
	}
	return int(binary.NativeEndian.Uint32(frame[12:]))
}

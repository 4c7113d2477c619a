package procgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/procgroup/procgroup/internal/jobobject"
	"github.com/procgroup/procgroup/internal/proctable"
	"github.com/procgroup/procgroup/internal/winthread"
)

var jobMechanism = mechanism{
	containment: Job,
	guarantees:  NoEscape | DiesWithOwner,
	found: func() Guarantees {
		if jobobject.CanAccount() {
			return Accounting
		}
		return 0
	},
	probe: sync.OnceValue(func() error {
		j, err := jobobject.New(func(jobobject.Message) {})
		if err == nil {
			j.Close()
		}
		return err
	}),
	open: func() (backend, error) {
		b := new(jobBackend)
		b.left.L = &b.mu
		return b, nil
	},
}

// killedStatus is the exit status of members that were killed, as with os.Process.Kill.
const killedStatus = 1

// jobBackend holds a group in a job object. After a kill the next start takes another one: the
// first is condemned, and whoever is found in it is terminated.
type jobBackend struct {
	mu       sync.Mutex
	left     sync.Cond // told when a start is over
	cur      *job      // where commands are started; nil from a kill to the next start
	earlier  []*job    // that may still have members
	held     []heldProcess
	prepared []*exec.Cmd
	halted   *halt  // nil unless paused
	breakDue bool   // Ctrl-Break is to be sent when the group runs again
	used     *Stats // what members of closed jobs had used; nil if there are none
	notify   func() // nil if nobody watches
	closed   bool
}

// job is one of the group's jobs. The backend's lock guards it.
type job struct {
	*jobobject.Job
	starting  int // starts under way
	condemned bool
	closed    bool
}

// heldProcess is a process that came from the owner, a command or one that was assigned. As
// long as there is a handle its number is no other's, and no other's console process group
// has that number.
type heldProcess struct {
	handle windows.Handle
	pid    int
	leads  bool // a console process group
	waits  bool // to be resumed, perhaps
}

var _ backend = (*jobBackend)(nil)

// enter returns the job to start a command in. The caller has to leave it.
func (b *jobBackend) enter() (*job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	b.prune()
	if b.cur == nil {
		j := new(job)
		var err error
		j.Job, err = jobobject.New(func(m jobobject.Message) { b.heed(j, m) })
		if err != nil {
			return nil, err
		}
		b.cur = j
	}
	b.cur.starting++
	return b.cur, nil
}

// leave ends what enter began.
func (b *jobBackend) leave(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.starting--
	if j.condemned {
		_ = j.Terminate(killedStatus)
	}
	b.left.Broadcast()
}

// heed deals with what the system tells of a job.
func (b *jobBackend) heed(j *job, m jobobject.Message) {
	b.mu.Lock()
	if j.condemned && !j.closed {
		_ = j.Terminate(killedStatus) // who was being started by a member
	}
	notify := b.notify
	b.mu.Unlock()
	if notify != nil && m != jobobject.NewProcess {
		notify()
	}
}

// all returns the jobs that hold the group. The caller holds mu.
func (b *jobBackend) all() []*job {
	list := slices.Clone(b.earlier)
	if b.cur != nil {
		list = append(list, b.cur)
	}
	return list
}

// prune frees what is there for members that are gone. The caller holds mu.
func (b *jobBackend) prune() {
	b.earlier = slices.DeleteFunc(b.earlier, func(j *job) bool {
		alive, err := j.Alive(true)
		if err != nil || len(alive) > 0 || j.starting > 0 {
			return false
		}
		b.account(j)
		j.close()
		return true
	})
	if len(b.earlier) > 0 || b.cur != nil && b.cur.starting > 0 {
		return
	}
	if empty, err := b.emptyLocked(); err == nil && empty {
		b.letGoOfAll()
	}
}

func (j *job) close() {
	j.closed = true
	j.Close()
}

// hold keeps a process, of which it takes over the handle. The caller holds mu.
func (b *jobBackend) hold(p heldProcess) { b.held = append(b.held, p) }

// letGoOfAll closes the handles of the processes held. The caller holds mu.
func (b *jobBackend) letGoOfAll() {
	for _, p := range b.held {
		windows.CloseHandle(p.handle)
	}
	b.held = nil
}

// prepare makes cmd start suspended, and in a console process group of its own, which is what
// Ctrl-Break can be sent to.
func (b *jobBackend) prepare(cmd *exec.Cmd) error {
	_, err := suspendAtStart(cmd)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = append(b.prepared, cmd)
	return nil
}

func suspendAtStart(cmd *exec.Cmd) (undo func(), err error) {
	return editAttr(cmd, func(a *syscall.SysProcAttr) error {
		a.CreationFlags |= windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP
		return nil
	})
}

// wasPrepared reports whether this process was started by a command that was prepared, and
// forgets that. The caller holds mu.
func (b *jobBackend) wasPrepared(pid int) bool {
	i := slices.IndexFunc(b.prepared, func(cmd *exec.Cmd) bool {
		return cmd.Process != nil && cmd.Process.Pid == pid
	})
	if i < 0 {
		return false
	}
	b.prepared = slices.Delete(b.prepared, i, i+1)
	return true
}

func (b *jobBackend) assign(pid int) (leader func() *os.Process, err error) {
	j, err := b.enter()
	if err != nil {
		return nil, err
	}
	defer b.leave(j)
	const access = windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE | windows.PROCESS_SUSPEND_RESUME |
		windows.PROCESS_QUERY_INFORMATION | windows.SYNCHRONIZE
	handle, err := windows.OpenProcess(access, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, os.NewSyscallError("OpenProcess", err))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.takeIn(j, handle); err != nil {
		windows.CloseHandle(handle)
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	b.hold(heldProcess{handle: handle, pid: pid, leads: b.wasPrepared(pid), waits: true})
	return nil, nil
}

var errOtherJob = errors.New("it is in a job that the group's job cannot be nested in")

// takeIn makes a process a member, if it is none. The caller holds mu.
func (b *jobBackend) takeIn(j *job, process windows.Handle) error {
	if jobobject.HasExited(process) {
		return os.ErrProcessDone
	}
	if b.isMember(process) {
		return nil
	}
	err := j.Assign(process)
	switch {
	case err == nil:
		return nil
	case jobobject.HasExited(process):
		return os.ErrProcessDone
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return fmt.Errorf("%w (%w)", errOtherJob, err)
	}
	return err
}

// isMember reports whether a process is in one of the group's jobs. The caller holds mu.
func (b *jobBackend) isMember(process windows.Handle) bool {
	return slices.ContainsFunc(b.all(), func(j *job) bool {
		in, err := j.Contains(process)
		return err == nil && in
	})
}

func (b *jobBackend) resumeProcess(pid int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.held, func(p heldProcess) bool { return p.pid == pid })
	switch {
	case i < 0:
		return fmt.Errorf("process %d was not assigned: %w", pid, os.ErrInvalid)
	case !b.held[i].waits:
		return nil
	case jobobject.HasExited(b.held[i].handle):
		return fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	b.held[i].waits = false
	return winthread.ResumeProcess(b.held[i].handle)
}

func (b *jobBackend) kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breakDue = false
	if b.cur != nil {
		b.earlier = append(b.earlier, b.cur)
		b.cur = nil
	}
	b.awaitStarts()
	var errs []error
	for _, j := range b.earlier {
		errs = append(errs, j.condemn())
	}
	return errors.Join(errs...)
}

// startLimit is how long a kill waits for starts.
const startLimit = time.Second

// awaitStarts waits for the starts in jobs that are not the current one, so that those whom they
// start are dead when kill returns. Besides, Wine 10 crashes when a job is terminated in which a
// process is just being born. The caller holds mu.
func (b *jobBackend) awaitStarts() {
	underWay := func() bool {
		return slices.ContainsFunc(b.earlier, func(j *job) bool { return j.starting > 0 })
	}
	if !underWay() {
		return
	}
	over := false
	timer := time.AfterFunc(startLimit, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		over = true
		b.left.Broadcast()
	})
	defer timer.Stop()
	for !over && underWay() {
		b.left.Wait()
	}
}

// killRounds is how often condemn terminates at once those who have come meanwhile. Later ones
// are told of.
const killRounds = 16

// condemn terminates everybody in a job, and sees to it that those who come are, too.
func (j *job) condemn() error {
	j.condemned = true
	for range killRounds {
		if err := j.Terminate(killedStatus); err != nil {
			return err
		}
		if alive, err := j.Alive(true); err != nil || len(alive) == 0 {
			return err
		}
	}
	return nil
}

func (b *jobBackend) empty() (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.emptyLocked()
}

func (b *jobBackend) emptyLocked() (bool, error) {
	for _, j := range b.all() {
		alive, err := j.Alive(true)
		if err != nil || len(alive) > 0 {
			return false, err
		}
	}
	return true, nil
}

func (b *jobBackend) watch(notify func()) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notify = notify
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notify = nil
	}, nil
}

// members returns the numbers of the members alive. The caller holds mu.
func (b *jobBackend) members() ([]int, error) {
	var pids []int
	for _, j := range b.all() {
		alive, err := j.Alive(false)
		if err != nil {
			return nil, err
		}
		pids = append(pids, alive...)
	}
	return pids, nil
}

func (b *jobBackend) processes() ([]Process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	table, err := proctable.Look()
	if err != nil {
		return nil, err
	}
	pids, err := b.members()
	if err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if details, err := table.Inspect(pid); err == nil {
			list = append(list, processOf(details))
		}
	}
	return list, nil
}

func (b *jobBackend) stats() (Stats, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	table, err := proctable.Look()
	if err != nil {
		return Stats{}, err
	}
	pids, err := b.members()
	if err != nil {
		return Stats{}, err
	}
	total := Stats{Memory: knownBytes(0), Processes: known(len(pids)), Threads: known(0)}
	for _, pid := range pids {
		if u, err := table.Measure(pid); err == nil {
			addFigure(&total.Memory, knownBytes(u.Proportional))
			addFigure(&total.Threads, known(u.Threads))
		}
	}
	if !jobobject.CanAccount() {
		return total, nil
	}
	total.User, total.System = known(0*total.User.V), known(0*total.System.V)
	total.ReadBytes, total.WriteBytes, total.MemoryPeak = knownBytes(0), knownBytes(0), knownBytes(0)
	if b.used != nil {
		total.add(*b.used)
	}
	for _, j := range b.all() {
		used, err := j.used()
		if err != nil {
			return Stats{}, err
		}
		total.add(used)
	}
	return total, nil
}

// used returns what the job tells of those who are or were in it.
func (j *job) used() (Stats, error) {
	u, err := j.Usage()
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		User:       known(u.User),
		System:     known(u.Kernel),
		ReadBytes:  knownBytes(int64(u.ReadBytes)),
		WriteBytes: knownBytes(int64(u.WriteBytes)),
		Memory:     knownBytes(0),
		MemoryPeak: knownBytes(int64(u.PeakMemory)),
		Processes:  known(0),
		Threads:    known(0),
	}, nil
}

// account remembers what the members of a job have used. The caller holds mu.
func (b *jobBackend) account(j *job) {
	if !jobobject.CanAccount() {
		return
	}
	used, err := j.used()
	if err != nil {
		return
	}
	if b.used != nil {
		used.add(*b.used)
	}
	b.used = &used
}

func (b *jobBackend) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, j := range b.all() {
		if !j.condemned {
			errs = append(errs, j.LetGo())
		}
	}
	b.free()
	return errors.Join(errs...)
}

func (b *jobBackend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	empty, err := b.emptyLocked()
	if err != nil {
		return err
	}
	if !empty {
		return errOccupied
	}
	b.free()
	return nil
}

// free closes everything. The caller holds mu.
func (b *jobBackend) free() {
	for _, j := range b.all() {
		j.close()
	}
	b.cur, b.earlier, b.prepared = nil, nil, nil
	b.letGoOfAll()
	b.closed = true
}

package procgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"time"
)

// DefaultGrace is how long Stop waits between asking and killing, unless
// [Options].Grace says otherwise.
const DefaultGrace = 10 * time.Second

// Options say what a group has to be. The zero value asks for the strongest
// containment that works here, and for no guarantee.
type Options struct {
	// Containment to use; Auto, the zero value, takes the strongest that works
	// here and has what Require names.
	Containment Containment

	// WithReaper, with the containment Cgroup, starts the commands below a reaper as well
	// (see [Reaper]), which closes the one hole of a cgroup: a member that may write the
	// cgroup.procs of another cgroup, root above all, can move itself there. A start takes
	// as long as with Reaper then, and means the same for the command. With other
	// containments it changes nothing.
	WithReaper bool

	// Require names guarantees without which New fails.
	Require Guarantees

	// Grace is how long Stop lets members end by themselves before it kills them.
	// Zero stands for DefaultGrace; a negative grace kills at once.
	Grace time.Duration
}

// A Group starts commands and holds them, and everything that they start, as one
// thing. Make one with [New] and end it with [Group.Close]. Its methods may be
// called from many goroutines at once.
//
// A group can be used again: when all its members are gone, or killed, new
// commands can be started in it.
//
// # Linux notes
//
// With [Cgroup] a group is a directory below the owner's own cgroup, named
// procgroup-PID-STARTTIME-NAMESPACE-N after the owner. Members may make cgroups of their
// own below it; what is in there is a member too, and Close removes them.
//
// # Notes for Reaper
//
// A command is a child of the reaper, leads a process group of its own in the reaper's
// session, and has no controlling terminal, unless its SysProcAttr asks for Setsid and
// Setctty. What a thread alone has, such as a namespace or a priority, is not handed on to
// it.
//
// # Windows notes
//
// With [Job] a group is a job object without a name. A command leads a console process group
// of its own (CREATE_NEW_PROCESS_GROUP), so that it can be asked to end: Ctrl-C on the console
// does not reach it, and Terminate sends Ctrl-Break. An exec.Cmd for which os/exec has nothing
// to do but to start it, and every [Cmd] of which the input is a file, is born in the job. Other
// commands are started suspended, put into the job and resumed; if the owner is terminated
// right between, a process stays behind that has not run and never will. For a command that is
// born in the job, cmd.Process.WithHandle has a handle to wait, to ask and to duplicate, and no more.
//
// The owner may be in a job itself, as in a group of another program: the group's job is nested
// in that one (Windows 8). What a member has others do for it, such as the service control
// manager, the task scheduler, WMI or a COM server, is nobody's child here, and no member.
//
// # Notes for Session
//
// The members are found in the process table: the processes of the commands'
// sessions, and those that have left them but were seen as a member's child.
// Where a session's number may have been reused, nobody is signaled.
type Group struct {
	backend   backend
	mechanism mechanism
	guarded   bool // it has hired the guardian
	grace     time.Duration

	mu       sync.Mutex
	leader   func() *os.Process // returns the first command's process; nil if there is none
	adopted  *os.Process        // the leader, if nobody else has its handle
	started  bool               // there is, or may have been, a member
	starting int                // starts under way
	settled  chan struct{}      // closed when starting gets 0; nil if nobody waits for that
	paused   bool
	pausing  *pausing // nil unless Pause is at work
	closed   bool
	done     chan struct{} // closed when the group is empty; nil until somebody asks
	unwatch  func()        // ends the watch that done needs; nil if there is none

	closing sync.Mutex // held by Close and Release
	freed   bool       // the backend is gone
}

// pausing is a Pause at work.
type pausing struct {
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when its outcome is known
}

// New makes an empty group. It fails with an [*Error] of kind [ErrCreate] if no
// containment here meets opts; the error names what is missing in each, and
// wraps [errors.ErrUnsupported].
func New(opts Options) (*Group, error) {
	guardErr := theGuardian.hire()
	m, err := choose(mechanisms, opts, guardErr)
	var b backend
	if err == nil {
		b, err = m.open()
	}
	if err != nil {
		theGuardian.dismiss()
		return nil, fail("new", ErrCreate, err)
	}
	g := &Group{backend: b, mechanism: m, guarded: true, grace: opts.Grace}
	if g.grace == 0 {
		g.grace = DefaultGrace
	}
	return g, nil
}

// Containment returns the containment that holds the members.
func (g *Group) Containment() Containment { return g.mechanism.containment }

// Guarantees returns what is promised at this moment. If somebody kills the guardian, that
// is without [DiesWithOwner] until another one has taken its place, some milliseconds later.
func (g *Group) Guarantees() Guarantees {
	if g.mechanism.guarded && theGuardian.isThere() {
		return g.mechanism.promises() | DiesWithOwner
	}
	return g.mechanism.promises()
}

// Start starts cmd as a member of the group. There is no moment at which the new
// process is not a member, so whatever it starts is one too. Everything else is
// as with cmd.Start: the fields of cmd mean the same, and the caller waits for
// the command with cmd.Wait. If cmd has a context, its end does what cmd.Cancel
// says, to the command alone; [Cmd] cancels the whole tree.
//
// A nil or started cmd gives an error that wraps [os.ErrInvalid], a paused group
// [ErrPaused], a closed one [ErrClosed], and a cmd.SysProcAttr that cannot be kept
// [ErrConflict]; see [Group.Prepare]. A command that cannot be started gives what
// os/exec said, such as [exec.ErrNotFound].
//
// A Start beside a Kill starts a process that the Kill either ends or does not
// concern.
func (g *Group) Start(cmd *exec.Cmd) error {
	_, err := g.start(cmd, cmd != nil && isPlain(cmd))
	return err
}

func (g *Group) start(cmd *exec.Cmd, plain bool) (s started, err error) {
	if err := checkUnstarted(cmd); err != nil {
		return s, fail("start", nil, err)
	}
	if err := checkDir(cmd); err != nil {
		return s, fail("start", nil, err)
	}
	if err := g.beginStart(); err != nil {
		return s, fail("start", nil, err)
	}
	s, err = g.backend.start(cmd, plain)
	switch {
	case err != nil:
		g.endStart(nil)
	case s.leader == nil:
		g.endStart(func() *os.Process { return cmd.Process })
	default:
		g.endStart(g.keep(s.leader))
	}
	return s, fail("start", nil, err)
}

// isPlain reports whether os/exec has nothing to do for cmd but to start it, as far as can
// be told: no copying, no context, no files that are closed after the start.
func isPlain(cmd *exec.Cmd) bool {
	for _, stream := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if stream != nil && stream != os.Stdin && stream != os.Stdout && stream != os.Stderr {
			return false
		}
	}
	return cmd.Cancel == nil && cmd.WaitDelay == 0
}

// keep makes a function that finds a process hand it to the group, which has its handle
// until the end. It is called once.
func (g *Group) keep(find func() *os.Process) func() *os.Process {
	return func() *os.Process {
		p := find()
		g.mu.Lock()
		defer g.mu.Unlock()
		if p != nil && g.freed {
			_ = p.Release()
		} else {
			g.adopted = p
		}
		return p
	}
}

func checkUnstarted(cmd *exec.Cmd) error {
	switch {
	case cmd == nil:
		return errNilCommand
	case cmd.Process != nil:
		return errStartedBefore
	}
	return nil
}

// checkDir returns the error of os/exec for a directory that is not there. It would not say
// that clearly when a containment has set SysProcAttr.
func checkDir(cmd *exec.Cmd) error {
	if cmd.Err != nil || cmd.Dir == "" || cmd.SysProcAttr != nil {
		return nil
	}
	_, err := os.Stat(cmd.Dir)
	var path *fs.PathError
	if errors.As(err, &path) {
		path.Op = "chdir"
	}
	return err
}

var (
	errNilCommand    = fmt.Errorf("nil command: %w", os.ErrInvalid)
	errStartedBefore = fmt.Errorf("command was started before: %w", os.ErrInvalid)
)

// beginStart lets a start begin, if the group is in the state for it. While one
// is under way the group does not count as empty, and Pause waits.
func (g *Group) beginStart() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return ErrClosed
	case g.paused || g.pausing != nil:
		return ErrPaused
	}
	g.starting++
	return nil
}

// endStart ends what beginStart began. The function returns the process that was started; it
// is nil if there is none.
func (g *Group) endStart(process func() *os.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if process != nil {
		g.noteMember(process)
	}
	g.starting--
	if g.starting == 0 && g.settled != nil {
		close(g.settled)
		g.settled = nil
	}
	g.checkEmpty()
}

// noteMember records that the group has, or had, a member. The caller holds mu.
func (g *Group) noteMember(process func() *os.Process) {
	g.started = true
	if g.leader == nil {
		g.leader = sync.OnceValue(process)
	}
	if isClosed(g.done) {
		g.done = nil // it told of an earlier emptiness
	}
}

// Prepare is the first of the three steps of a start, for programs that start
// the process by themselves: Prepare(cmd), cmd.Start, Assign(cmd.Process.Pid),
// ResumeProcess(cmd.Process.Pid). Programs that can use [Group.Start] should: it
// does the three in one.
//
// Prepare keeps what the caller put in cmd.SysProcAttr, and fails with
// [ErrConflict] where the containment needs it to be otherwise: [Cgroup] needs
// UseCgroupFD to be unset, [Session] Setpgid and Foreground, [Reaper] Foreground,
// Pgid, Ptrace and PidFD. It changes a copy of SysProcAttr, since callers share them
// between commands.
//
// With Session and [Job] a process that is not assigned is no member. With Reaper cmd becomes the
// command's mirror (see Reaper), and the command itself is not started before Assign.
//
// # Linux notes
//
// With Cgroup the process is born a member. A Kill between Prepare and cmd.Start
// kills the process at its birth; a Pause in between makes cmd.Start wait for
// Resume.
//
// # Windows notes
//
// Prepare adds CREATE_SUSPENDED and CREATE_NEW_PROCESS_GROUP to the creation flags: the process
// does not run before ResumeProcess.
func (g *Group) Prepare(cmd *exec.Cmd) error {
	if err := checkUnstarted(cmd); err != nil {
		return fail("prepare", nil, err)
	}
	if err := g.beginStart(); err != nil {
		return fail("prepare", nil, err)
	}
	defer g.endStart(nil)
	return fail("prepare", nil, g.backend.prepare(cmd))
}

// Assign is the second step of a start (see [Group.Prepare]): it makes the process
// a member, with all that it starts from then on. If the process started something
// before, that stays outside.
//
// With [Cgroup] and [Job] a process that was started elsewhere can be taken in too; with
// [Session] and [Reaper] that gives [errors.ErrUnsupported]. A number that is not positive, and
// the owner's own, give [os.ErrInvalid], a process that is gone
// [os.ErrProcessDone]. The caller must make sure that the number means the process
// that it has in mind: its own child, not yet waited for, does.
//
// # Windows notes
//
// A process of another user, or of the system, gives [os.ErrPermission], and so does one in a
// job that the group's cannot be nested in, as when that has other members outside of it
// (Windows page "Nested Jobs").
func (g *Group) Assign(pid int) error {
	switch {
	case pid <= 0:
		return fail("assign", ErrAssign, fmt.Errorf("pid %d: %w", pid, os.ErrInvalid))
	case pid == os.Getpid():
		return fail("assign", ErrAssign, fmt.Errorf("pid %d is the owner's own: %w", pid, os.ErrInvalid))
	}
	if err := g.beginStart(); err != nil {
		return fail("assign", nil, err)
	}
	p, err := findProcess(pid)
	var leader func() *os.Process
	if err == nil {
		leader, err = g.backend.assign(pid)
	}
	if err != nil {
		if p != nil {
			_ = p.Release()
		}
		g.endStart(nil)
		return fail("assign", ErrAssign, err)
	}
	if leader != nil {
		_ = p.Release()
		g.endStart(g.keep(leader))
		return nil
	}
	g.endStart(func() *os.Process { return p })
	if g.Leader() != p {
		_ = p.Release()
		return nil
	}
	g.keep(func() *os.Process { return p })()
	return nil
}

// ResumeProcess is the third step of a start (see [Group.Prepare]): it lets the
// process run, where Prepare made it wait. On Unix it does not wait, and there is
// nothing to do.
//
// On Windows it resumes a process once that was assigned, also one that the caller has
// started suspended without Prepare. A number that was not assigned gives [os.ErrInvalid], a
// process that is gone [os.ErrProcessDone].
func (g *Group) ResumeProcess(pid int) error {
	if pid <= 0 {
		return fail("resume process", nil, fmt.Errorf("pid %d: %w", pid, os.ErrInvalid))
	}
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return fail("resume process", nil, ErrClosed)
	}
	return fail("resume process", nil, g.backend.resumeProcess(pid))
}

// Leader returns the process of the first command that was started in the group,
// nil if there is none yet. Waiting for it is up to who started it. One that came by
// Assign can be used until Close.
//
// With [Reaper] it is the command itself, while cmd.Process is its mirror: signals can be
// sent to it, until Close, but only the mirror can be waited for.
func (g *Group) Leader() *os.Process {
	g.mu.Lock()
	leader := g.leader
	g.mu.Unlock()
	if leader == nil {
		return nil
	}
	return leader()
}

// Active reports whether a member is alive, or about to be. A closed group is
// not active.
func (g *Group) Active() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.starting > 0 {
		return true
	}
	return !g.emptyLocked()
}

// emptyLocked reports whether no member is alive. The caller holds mu.
func (g *Group) emptyLocked() bool {
	if g.freed {
		return true
	}
	empty, err := g.backend.empty()
	return err == nil && empty
}

// check returns the error for an operation on a group that is closed or never had
// a member.
func (g *Group) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.checkLocked()
}

func (g *Group) checkLocked() error {
	if g.closed {
		return ErrClosed
	}
	if g.started || g.starting > 0 {
		return nil
	}
	// A process may have become a member by Prepare alone.
	if g.emptyLocked() {
		return ErrNotStarted
	}
	return nil
}

// unlessClosed returns the error of an operation, but ErrClosed if the group was closed
// meanwhile: what it ran into then is only that.
func (g *Group) unlessClosed(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil && g.closed {
		return ErrClosed
	}
	return err
}

// Processes lists the members alive, in no order. The members of a tree that is
// changing are those that were seen: some may be gone when it returns, others new.
// An empty list and nil is the answer for a group that is gone, or was never
// started.
func (g *Group) Processes() ([]Process, error) {
	if err := g.check(); errors.Is(err, ErrNotStarted) {
		return nil, nil
	} else if err != nil {
		return nil, fail("processes", nil, err)
	}
	list, err := g.backend.processes()
	return list, fail("processes", nil, g.unlessClosed(err))
}

// Stats tells what the group has used, and uses now.
func (g *Group) Stats() (Stats, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return Stats{}, fail("stats", nil, ErrClosed)
	}
	s, err := g.backend.stats()
	return s, fail("stats", nil, g.unlessClosed(err))
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Package procgroup starts commands as a group, a command and everything that
// it ever starts, and treats the group as one thing: pause, resume, stop, kill,
// wait for, list and measure.
//
// Package os/exec knows only the direct child. What that child starts lives on
// when the child is killed, holds pipes open, and is never waited for. A [Group]
// holds the whole tree in a containment of the operating system, from which, if
// the containment guarantees it, nothing gets away:
//
//	g, err := procgroup.New(procgroup.Options{})
//	if err != nil {
//		return err
//	}
//	defer g.Close()
//	if err := g.Start(exec.Command("make", "-j8")); err != nil {
//		return err
//	}
//	return g.Wait(ctx)
//
// [Cmd] is [os/exec.Cmd] for a whole tree, for the common case of one command:
//
//	out, err := procgroup.CommandContext(ctx, "npm", "test").CombinedOutput()
//
// # Words
//
// A group's members are its processes. Its leader is the first command started
// in it. Leftovers are members that outlive the leader. The owner is the program
// that made the group. The [Containment] is the mechanism that holds the members.
//
// # Containments
//
// The zero [Options] take the strongest containment that works here, found by
// probing. Which one it is, and what it guarantees, is always told: see
// [Group.Containment], [Group.Guarantees] and [Survey]. A program that needs a
// guarantee names it in [Options].Require, and [New] fails where nothing gives it.
//
// # Helpers
//
// What has to work when the owner is dead, or cannot be done by the owner itself, is done by
// helper processes: the program itself, run again. [Init], first in main, makes them
// possible.
//
// # Identity
//
// A process number is not an identity: the system gives it to somebody else when
// its process is gone. No method here signals a process by its bare number alone;
// each says on what it relies instead.
//
// # What the library leaves alone
//
// It never logs, prints, installs a signal handler, or reaps a process: a command
// that was given to [Group.Start] is waited for with its own Wait, as with os/exec.
//
// A Group that is forgotten without [Group.Close] keeps its members running and its
// containment (a cgroup directory, say) until the owner ends: there is no finalizer. Without
// [DiesWithOwner] they stay behind then.
package procgroup

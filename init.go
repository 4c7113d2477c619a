package procgroup

// Init makes the helper processes of this package possible. It has to stand first in main,
// and first in TestMain:
//
//	func main() {
//		procgroup.Init()
//		...
//	}
//
// A helper is the program itself, run again: in it Init does the helper's work and never
// returns. In the program that you have started it returns at once, having done nothing but
// compare the program's first argument. The functions init of all packages run before it,
// in helpers too.
//
// On Unix the guarantee [DiesWithOwner] needs a helper, the guardian, and the containment
// [Reaper] does. A program that does not call Init works without them; [New] says so if it
// was asked for what they give. On Windows no helper is needed, and Init does nothing.
//
// A helper shows in ps(1) as "procgroup guardian" or "procgroup reaper", with the number and
// the name of the program that it is there for. It is in a session of its own, ignores the
// signals that terminals send, and SIGTERM, holds no descriptor of the program but the socket
// that it gets its orders from, and ends when that is closed, at the latest. Programs with
// raised privileges (set-user-ID, set-group-ID, file capabilities) start none, since anybody
// could choose its arguments and environment; a helper that finds itself with such
// privileges, or was not started by this package, says so and exits with status 125.
func Init() { initHelpers() }

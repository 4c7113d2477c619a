// Package control finds the groups that procgroup run holds for this user, and controls them.
//
// Each run of the program serves its group over HTTP and JSON on a local socket, in a
// directory that only its user can enter. There is no daemon. [List] and [Find] look into the
// directory; a [Run] is one of those found there, and what it is told goes to the process that
// holds the group:
//
//	web, err := control.Find(ctx, "web")
//	if err != nil {
//		return err
//	}
//	defer web.Close()
//	return web.Pause(ctx)
//
// docs/protocol.md describes the same for other languages.
package control

//go:build dragonfly || freebsd

package procgroup

// mechanisms are the containments of FreeBSD and DragonFly, strongest first.
var mechanisms = []mechanism{reaperMechanism, sessionMechanism}

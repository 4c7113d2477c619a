//go:build linux || dragonfly || freebsd

package reaper

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
)

// ServeMirror is the main function of a mirror that was started as a command, with its
// descriptors, which it hands to the reaper.
func ServeMirror(conn *helper.Conn) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	held := helper.MirrorFiles()
	if (mirrorMessage{files, uint32(os.Getpid())}).send(conn, held...) != nil {
		endBy(unix.SIGKILL)
	}
	helper.CloseFiles(held) // they have to end with the command, not with us
	go func() {
		for sig := range signals {
			if number := sig.(syscall.Signal); number != unix.SIGURG && number != unix.SIGCHLD {
				_ = mirrorMessage{signaled, uint32(number)}.send(conn)
			}
		}
	}()
	for {
		m, files, err := receiveMirror(conn)
		helper.CloseFiles(files)
		switch {
		case err != nil:
			endBy(unix.SIGKILL) // the reaper was killed, and so was the command
		case m.kind == exited:
			os.Exit(int(m.value))
		case m.kind == signaled:
			endBy(unix.Signal(m.value))
		}
	}
}

// endBy ends this process by a signal, and does not return.
func endBy(sig unix.Signal) {
	// One core dump, the command's, is enough.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	signal.Reset(sig)
	setDefault(sig)
	for {
		_ = unix.Kill(os.Getpid(), sig)
		time.Sleep(time.Second)
		sig = unix.SIGKILL
	}
}

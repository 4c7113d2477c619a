//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"
)

func TestAwaitHello(t *testing.T) {
	a, b := connectBoth(t)
	if err := errors.Join(a.Send([]byte(hello)), a.Send([]byte("procgroup helper 0")), a.Send(nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.AwaitHello(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := b.AwaitHello(); err == nil {
			t.Error("another program was taken for a helper")
		}
	}
	a.Close()
	if err := b.AwaitHello(); !errors.Is(err, io.EOF) {
		t.Errorf("AwaitHello from nobody: %v, want EOF", err)
	}
}

func TestMirrorCommand(t *testing.T) {
	for _, files := range [][]int{nil, {0}, {0, 1, 2, 17}} {
		_, args, err := MirrorCommand(9, files, 42, "program")
		if err != nil {
			t.Fatal(err)
		}
		if !IsMirror(args) {
			t.Errorf("%q is not the command line of a mirror", args)
		}
		own := os.Args
		os.Args = args
		got := MirrorFiles()
		os.Args = own
		if !slices.Equal(got, files) {
			t.Errorf("MirrorFiles() = %v, want %v", got, files)
		}
	}
	if IsMirror(nil) || IsMirror(Reaper.args(42, "program")) || IsMirror([]string{"sh"}) {
		t.Error("others are taken for mirrors")
	}
}

func TestOthersAreNoHelpers(t *testing.T) {
	Main(map[Role]func(*Conn){Guardian: func(*Conn) { t.Error("this is no helper") }})
}

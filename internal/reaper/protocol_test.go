//go:build linux || dragonfly || freebsd

package reaper

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/procgroup/procgroup/internal/helper"
)

// connect returns the two ends of a connection, which are closed after the test.
func connect(t *testing.T) (a, b *helper.Conn) {
	t.Helper()
	a, file, err := helper.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b = helper.NewConn(fd)
	t.Cleanup(b.Close)
	return a, b
}

// deliver returns what a reaper gets of an order.
func deliver(t *testing.T, o Order) Order {
	t.Helper()
	owner, reaper := connect(t)
	sent := make(chan error, 1)
	go func() { sent <- o.Send(owner) }()
	message, _, err := reaper.Receive()
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	got, err := parseOrder(message)
	if err != nil {
		t.Fatalf("%q: %v", message, err)
	}
	return got
}

// wantDelivered checks that a reaper gets an order as it is. Empty lists and texts are none.
func wantDelivered(t *testing.T, o Order) {
	t.Helper()
	got := deliver(t, o)
	for _, order := range []*Order{&got, &o} {
		if order.Start == nil {
			continue
		}
		spec := *order.Start
		for _, text := range []*[]byte{&spec.Path, &spec.Dir, &spec.Chroot} {
			*text = append([]byte{}, *text...)
		}
		for _, list := range []*[]string{&spec.Args, &spec.Env} {
			*list = append([]string{}, *list...)
		}
		order.Start = &spec
	}
	if !reflect.DeepEqual(got, o) {
		t.Errorf("delivered\n%+v\n%+v, sent\n%+v\n%+v", got, got.Start, o, o.Start)
	}
}

func TestOrders(t *testing.T) {
	const raw = "\xff\xfe \x01\n\"<\u2028é\xc3"
	for name, o := range map[string]Order{
		"kill":          {Op: Kill, ID: 1},
		"question":      {Op: IsUnreaped, ID: 1<<64 - 1, PID: 1 << 22},
		"empty":         {Op: Start, Start: &Spec{}},
		"plain":         {Op: Start, Start: &Spec{Path: []byte("/bin/sh"), Args: []string{"sh", "-c", ":"}, Env: []string{"A=1"}, Umask: 0o22}},
		"no arguments":  {Op: Start, Start: &Spec{Env: []string{"A=1", "B=2"}}},
		"nothing in it": {Op: Start, Start: &Spec{Args: []string{"", ""}, Env: []string{""}}},
		"no text": {Op: Start, Start: &Spec{
			Path: []byte(raw), Dir: []byte(raw), Args: []string{raw, "", raw}, Env: []string{raw + "=" + raw},
			Attr: &syscall.SysProcAttr{Chroot: raw},
		}},
		"files": {Op: Start, Start: &Spec{Umask: -1, Files: []int{0, 7}, Null: []int{1, 2}, FilesFromMirror: true}},
		"attributes": {Op: Start, Start: &Spec{Attr: &syscall.SysProcAttr{
			Chroot: "/jail", Setsid: true, Credential: &syscall.Credential{Uid: 1<<32 - 1, Groups: []uint32{4, 5}},
		}}},
		"large": {Op: Start, Start: &Spec{Args: []string{strings.Repeat("\xff", 1<<20)}, Env: []string{strings.Repeat("x", 1<<20)}}},
	} {
		t.Run(name, func(t *testing.T) { wantDelivered(t, o) })
	}
}

// An argument that was cut in two would be two arguments.
func TestNullByteIsRefused(t *testing.T) {
	for name, spec := range map[string]*Spec{
		"argument":    {Args: []string{"sh", "a\x00b"}},
		"environment": {Env: []string{"A=1\x00"}},
	} {
		t.Run(name, func(t *testing.T) {
			owner, reaper := connect(t)
			if err := (Order{Op: Start, Start: spec}).Send(owner); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("Send: %v, want EINVAL", err)
			}
			if _, _, err := reaper.TryReceive(); !errors.Is(err, unix.EAGAIN) {
				t.Errorf("something was sent: %v", err)
			}
		})
	}
}

func TestMalformedOrders(t *testing.T) {
	for _, message := range []string{
		"", "\x00", "{", `{"ID":-1}`, `{"Op":1}`,
		`{"Start":{"ArgCount":-1}}`, `{"Start":{"ArgCount":1}}`, `{"Start":{"ArgCount":3}}` + "\x00a\x00b",
	} {
		if o, err := parseOrder([]byte(message)); err == nil {
			t.Errorf("parseOrder(%q) = %+v", message, o)
		}
	}
}

func FuzzParseOrder(f *testing.F) {
	for _, message := range []string{
		"", "null", `{"Op":"kill","ID":1}`, `{"Op":"is unreaped","ID":2,"PID":3}`,
		`{"Start":{"Path":"L2Jpbi9zaA==","ArgCount":1,"Umask":-1,"Files":[0,1]}}` + "\x00sh\x00A=\xff",
		`{"Start":{"ArgCount":1,"Chroot":"/w==","Attr":{"Chroot":"x","Setsid":true}}}` + "\x00",
		`{"Start":{"ArgCount":-1}}`, "/bin/sh\x00-c\x00\xff\x00\x00",
	} {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := parseOrder(data); err == nil {
			wantDelivered(t, o)
		}
		// The same bytes as what a command is.
		path, rest, _ := bytes.Cut(data, []byte{0})
		texts := strings.Split(string(rest), "\x00")
		half := len(texts) / 2
		wantDelivered(t, Order{Op: Start, ID: uint64(len(data)), Start: &Spec{
			Path: path, Dir: rest, Args: texts[:half], Env: texts[half:],
			Attr: &syscall.SysProcAttr{Chroot: string(rest)},
		}})
	})
}

func TestMirrorMessages(t *testing.T) {
	a, b := connect(t)
	if _, _, err := tryReceiveMirror(b); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("nothing was sent: %v", err)
	}
	for _, m := range []mirrorMessage{{exited, 0}, {exited, 255}, {signaled, uint32(unix.SIGKILL)}, {files, 1<<32 - 1}} {
		held := []int{0, 0}[:m.kind-1]
		if err := m.send(a, held...); err != nil {
			t.Fatal(err)
		}
		got, files, err := receiveMirror(b)
		helper.CloseFiles(files)
		if err != nil || got != m || len(files) != len(held) {
			t.Errorf("received %v, %d descriptors, %v, want %v, %d", got, len(files), err, m, len(held))
		}
	}
}

func TestMalformedMirrorMessages(t *testing.T) {
	a, b := connect(t)
	for _, size := range []int{0, 4, 9} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Send(make([]byte, size), int(w.Fd())); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, files, err := receiveMirror(b); !errors.Is(err, os.ErrInvalid) || files != nil {
			t.Errorf("a message of %d bytes: %v, %v", size, files, err)
		}
		if n, err := r.Read(make([]byte, 1)); err == nil { // not EOF while somebody has w
			t.Errorf("read %d bytes", n)
		}
		r.Close()
	}
}

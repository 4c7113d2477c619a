package localsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// patience bounds what should take no time.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if path := os.Getenv("PROCGROUP_TEST_DIAL"); path != "" {
		os.Exit(dialAndRead(path))
	}
	if path := os.Getenv("PROCGROUP_TEST_LISTEN"); path != "" {
		os.Exit(listenUntilTold(path))
	}
	os.Exit(m.Run())
}

// listenUntilTold is a process that listens until its standard input is closed.
func listenUntilTold(path string) int {
	l, err := Listen(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer l.Close()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// dialAndRead is a process that connects and shows what it gets.
func dialAndRead(path string) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// The end of a connection may also be told as a reset.
	text, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%q\n", text)
	return 0
}

// serve listens on a new path and greets everybody who connects.
func serve(t *testing.T) (path string) {
	t.Helper()
	path = newPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			fmt.Fprintln(conn, "welcome")
			conn.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return path
}

// greeting connects and returns what it gets.
func greeting(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDial(t *testing.T) {
	t.Parallel()
	path := serve(t)
	var dials sync.WaitGroup
	for range 20 {
		dials.Go(func() {
			if got := greeting(t, path); got != "welcome\n" {
				t.Errorf("got %q", got)
			}
		})
	}
	dials.Wait()
}

// TestDialFirst connects before anybody accepts.
func TestDialFirst(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialing := make(chan struct{})
	go func() {
		defer close(got)
		close(dialing)
		conn, err := Dial(ctx, path)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		text, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	}()
	<-dialing
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "hello")
	conn.Close()
	if text := <-got; text != "hello" {
		t.Errorf("got %q", text)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("two listeners on one path")
	}
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := Dial(ctx, path); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial: %v", err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

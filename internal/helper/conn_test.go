//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// checkLeaks fails a test that leaves goroutines or descriptors behind.
func checkLeaks(t *testing.T) {
	t.Helper()
	goroutines, descriptors := goleak.IgnoreCurrent(), countDescriptors(t)
	t.Cleanup(func() {
		goleak.VerifyNone(t, goroutines)
		if n := countDescriptors(t); n != descriptors {
			t.Errorf("%d descriptors are open, there were %d", n, descriptors)
		}
	})
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// connect returns the ends of a connection, the second one as a descriptor, by which it can
// be told what no Conn says. They are closed after the test, which must leave nothing behind.
func connect(t *testing.T) (*Conn, int) {
	t.Helper()
	checkLeaks(t)
	ours, file, err := NewPair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ours.Close)
	return ours, theirs
}

// connectBoth returns the ends of a connection.
func connectBoth(t *testing.T) (a, b *Conn) {
	t.Helper()
	a, fd := connect(t)
	b = NewConn(fd)
	t.Cleanup(b.Close)
	return a, b
}

// openFiles opens so many different files.
func openFiles(t *testing.T, count int) []int {
	t.Helper()
	dir := t.TempDir()
	var list []int
	for i := range count {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		list = append(list, int(f.Fd()))
	}
	return list
}

// wantFiles closes descriptors, which have to be of the same files as others.
func wantFiles(t *testing.T, got, want []int) {
	t.Helper()
	defer CloseFiles(got)
	if len(got) != len(want) {
		t.Errorf("%d descriptors have come, want %d", len(got), len(want))
		return
	}
	for i := range got {
		var a, b unix.Stat_t
		if err := errors.Join(unix.Fstat(got[i], &a), unix.Fstat(want[i], &b)); err != nil {
			t.Error(err)
		}
		if a.Dev != b.Dev || a.Ino != b.Ino {
			t.Errorf("descriptor %d is of another file", i)
		}
		if flags, err := unix.FcntlInt(uintptr(got[i]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is not closed on exec: %v", i, err)
		}
	}
}

// pattern returns a message of a size, unlike others.
func pattern(size, seed int) []byte {
	message := make([]byte, size)
	for i := range message {
		message[i] = byte(seed + i + i>>8 + i>>16)
	}
	return message
}

func TestMessagesOfAllSizes(t *testing.T) {
	a, b := connectBoth(t)
	sizes := []int{0, 1, 0, 7, 8, 4087, 4088, 4089, 4096, 8192, 1 << 16, 1 << 20, 5<<20 + 3, 0}
	sent := make(chan error, 1)
	go func() {
		for i, size := range sizes {
			if err := a.Send(pattern(size, i)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i, size := range sizes {
		message, files, err := b.Receive()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if !bytes.Equal(message, pattern(size, i)) || len(files) > 0 {
			t.Errorf("message %d, of %d bytes, has come as %d bytes and %d descriptors", i, size, len(message), len(files))
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// A message that the other end would refuse must not be sent: nothing can come after it.
func TestTooMuchIsNotSent(t *testing.T) {
	a, b := connectBoth(t)
	file := openFiles(t, 1)[0]
	sent := make(chan error, 1)
	go func() { sent <- a.Send(make([]byte, maxMessage+1)) }()
	go func() {
		if err := <-sent; !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Send of more than maxMessage: %v", err)
		}
		if err := a.Send(nil, make([]int, MaxFiles+1)...); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Send of more than MaxFiles: %v", err)
		}
		if err := a.Send([]byte("bad"), -1); !errors.Is(err, unix.EBADF) {
			t.Errorf("Send of no descriptor: %v", err)
		}
		sent <- a.Send([]byte("good"), file)
	}()
	message, files, err := b.Receive()
	if err != nil || string(message) != "good" {
		t.Fatalf("received %.40q, %v", message, err)
	}
	wantFiles(t, files, []int{file})
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestDescriptorsComeWithTheirMessage(t *testing.T) {
	a, b := connectBoth(t)
	files := openFiles(t, 7)
	queue := []struct {
		size  int
		files []int
	}{
		{10, nil}, {0, files[:1]}, {5, files[1:4]}, {0, nil}, {4500, files[4:]}, {3, files[:2]}, {3, nil}, {0, files[6:]},
	}
	for i, m := range queue {
		if err := a.Send(pattern(m.size, i), m.files...); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range queue {
		message, got, err := b.Receive()
		if err != nil || !bytes.Equal(message, pattern(m.size, i)) {
			t.Fatalf("message %d: %d bytes, %v", i, len(message), err)
		}
		wantFiles(t, got, m.files)
	}
	if _, _, err := b.TryReceive(); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("TryReceive when there is nothing: %v", err)
	}
}

func TestMaxFiles(t *testing.T) {
	a, b := connectBoth(t)
	different := openFiles(t, 7)
	var files []int
	for i := range MaxFiles {
		files = append(files, different[i%len(different)])
	}
	for range 3 {
		if err := a.Send([]byte("many"), files...); err != nil {
			t.Fatal(err)
		}
		_, got, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		wantFiles(t, got, files)
	}
}

func TestManyGoroutines(t *testing.T) {
	const senders, receivers, each = 8, 4, 100
	a, b := connectBoth(t)
	files := openFiles(t, senders)
	var sending, receiving sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				message := append([]byte{byte(s), byte(i)}, pattern(i*97, s)...)
				if err := a.Send(message, files[s:s+i%2]...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	times := make(map[[2]byte]int)
	for range receivers {
		receiving.Go(func() {
			for {
				message, got, err := b.Receive()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil || len(message) < 2 {
					t.Errorf("received %d bytes, %v", len(message), err)
					return
				}
				s, i := int(message[0]), int(message[1])
				if s >= senders || !bytes.Equal(message[2:], pattern(i*97, s)) {
					t.Errorf("message %d of sender %d has not come whole", i, s)
					return
				}
				wantFiles(t, got, files[s:s+i%2])
				mu.Lock()
				times[[2]byte(message)]++
				mu.Unlock()
			}
		})
	}
	sending.Wait()
	a.Close()
	receiving.Wait()
	if len(times) != senders*each {
		t.Errorf("%d messages have come, want %d", len(times), senders*each)
	}
	for which, n := range times {
		if n != 1 {
			t.Errorf("message %v has come %d times", which, n)
		}
	}
}

// Who waits sees a message that has come together with one that another has taken.
func TestAwaitSeesWhatIsLeft(t *testing.T) {
	c, fd := connect(t)
	defer unix.Close(fd)
	if err := say(fd, bytes.Repeat(frame(1, 0, 'x'), 3)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := c.Await(0); err != nil {
			t.Errorf("Await before message %d: %v", i, err)
		}
		if _, _, err := c.Receive(); err != nil {
			t.Error(err)
		}
	}
	if err := c.Await(0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Await behind the last message: %v", err)
	}
}

func TestEndOfFile(t *testing.T) {
	for _, unread := range []bool{false, true} {
		t.Run(fmt.Sprintf("unread=%v", unread), func(t *testing.T) {
			a, b := connectBoth(t)
			files := openFiles(t, 2)
			for i := range 3 {
				if err := a.Send(pattern(2000, i), files[:i]...); err != nil {
					t.Fatal(err)
				}
			}
			if unread {
				if err := b.Send([]byte("nobody reads that")); err != nil {
					t.Fatal(err)
				}
			}
			a.Close()
			for i := range 3 {
				message, got, err := b.Receive()
				if err != nil || !bytes.Equal(message, pattern(2000, i)) {
					t.Fatalf("message %d: %d bytes, %v", i, len(message), err)
				}
				wantFiles(t, got, files[:i])
			}
			for range 2 {
				if _, _, err := b.Receive(); !errors.Is(err, io.EOF) {
					t.Errorf("Receive after all: %v, want EOF", err)
				}
			}
			if err := b.Send([]byte("late")); !errors.Is(err, unix.EPIPE) {
				t.Errorf("Send to nobody: %v, want EPIPE", err)
			}
		})
	}
}

func TestCloseWakes(t *testing.T) {
	for range 20 {
		a, b := connectBoth(t)
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if _, _, err := a.Receive(); !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
					t.Errorf("Receive when closed: %v", err)
				}
			})
		}
		waiting.Go(func() {
			if err := a.Send(make([]byte, 2<<20)); !errors.Is(err, unix.EPIPE) && !errors.Is(err, os.ErrClosed) {
				t.Errorf("Send when closed: %v", err)
			}
		})
		if err := b.Await(-1); err != nil { // Send has begun, and cannot end
			t.Error(err)
		}
		a.Close()
		a.Close()
		waiting.Wait()
		b.Close()
	}
}

func TestPeerClosesWhileSending(t *testing.T) {
	for round := range 40 {
		a, b := connectBoth(t)
		size := 2 << 20 // more than there is room for
		if round%2 == 0 {
			fill(t, a)
			size = 0
		}
		begun, sent := make(chan struct{}), make(chan error, 1)
		go func() {
			close(begun)
			sent <- a.Send(make([]byte, size))
		}()
		<-begun
		if err := b.Await(-1); err != nil {
			t.Error(err)
		}
		b.Close()
		if err := <-sent; !errors.Is(err, unix.EPIPE) {
			t.Fatalf("Send when the other end is closed: %v, want EPIPE", err)
		}
		a.Close()
	}
}

// fill sends as much as there is room for.
func fill(t *testing.T, c *Conn) {
	t.Helper()
	err := c.FD(func(fd int) error {
		for {
			err := unix.Sendto(fd, make([]byte, 1024), unix.MSG_DONTWAIT, nil)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
}

// What has been received, and nobody has taken, is closed once.
func TestCloseWhileReceiving(t *testing.T) {
	file := openFiles(t, 1)[0]
	for range 50 {
		a, b := connectBoth(t)
		for range 10 {
			if err := errors.Join(a.Send([]byte("plain")), a.Send([]byte("with a descriptor"), file)); err != nil {
				t.Fatal(err)
			}
		}
		begun := make(chan struct{})
		var receiving sync.WaitGroup
		receiving.Go(func() {
			for first := true; ; first = false {
				_, files, err := b.TryReceive()
				if first {
					close(begun)
				}
				if err != nil {
					return
				}
				for _, fd := range files {
					if err := unix.Close(fd); err != nil {
						t.Errorf("a descriptor that was received cannot be closed: %v", err)
					}
				}
			}
		})
		<-begun
		b.Close()
		receiving.Wait()
		a.Close()
	}
}

func TestReceiveAfterClose(t *testing.T) {
	b, fd := connect(t)
	defer unix.Close(fd)
	if err := say(fd, frame(2, 1, 'h'), openFiles(t, 1)...); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.TryReceive(); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("TryReceive of half a message: %v", err)
	}
	b.Close()
	if message, files, err := b.Receive(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Receive after Close: %q, %d descriptors, %v", message, len(files), err)
	}
	if err := b.Send(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if err := b.FD(func(int) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("FD after Close: %v", err)
	}
}

func TestPeerIsThere(t *testing.T) {
	a, b := connectBoth(t)
	if !a.PeerIsThere() || !b.PeerIsThere() {
		t.Error("both ends are open")
	}
	if err := a.Send([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if b.PeerIsThere() {
		t.Error("the other end is closed")
	}
	if a.PeerIsThere() {
		t.Error("this end is closed")
	}
}

func TestAwait(t *testing.T) {
	a, b := connectBoth(t)
	for _, limit := range []time.Duration{0, 20 * time.Millisecond} {
		begin := time.Now()
		if err := b.Await(limit); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Await(%v): %v", limit, err)
		}
		if took := time.Since(begin); took < limit {
			t.Errorf("Await(%v) has waited for %v", limit, took)
		}
	}
	go func() {
		if err := a.Send([]byte("unread")); err != nil {
			t.Error(err)
		}
	}()
	for _, limit := range []time.Duration{-1, time.Minute, 0} {
		if err := b.Await(limit); err != nil {
			t.Errorf("Await(%v) when there is a message: %v", limit, err)
		}
	}
	if _, _, err := b.Receive(); err != nil {
		t.Error(err)
	}
	a.Close()
	if err := b.Await(time.Minute); err != nil {
		t.Errorf("Await when the other end is closed: %v", err)
	}
	b.Close()
	if err := b.Await(time.Minute); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Await when this end is closed: %v", err)
	}
}

// frame returns what stands before a message, and what comes behind.
func frame(size, count uint32, rest ...byte) []byte {
	data := binary.NativeEndian.AppendUint32(nil, size)
	return append(binary.NativeEndian.AppendUint32(data, count), rest...)
}

// say sends bytes that are no message of a Conn's.
func say(fd int, data []byte, files ...int) error {
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	for len(data) > 0 {
		n, err := unix.SendmsgN(fd, data, rights, nil, unix.MSG_NOSIGNAL)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		data, rights = data[max(n, 0):], nil
	}
	return nil
}

func TestGarbage(t *testing.T) {
	for _, test := range []struct {
		name string
		data []byte
		want error // nil: any
	}{
		{"a byte too long", frame(maxMessage+1, 0, 1, 2, 3), os.ErrInvalid},
		{"absurdly long", frame(1<<32-1, 0, 1, 2, 3), os.ErrInvalid},
		{"negative length", frame(1<<31, 1, 1, 2, 3), os.ErrInvalid},
		{"too many descriptors", frame(0, MaxFiles+1), os.ErrInvalid},
		{"absurdly many descriptors", frame(0, 1<<32-1), os.ErrInvalid},
		{"more descriptors than have come", frame(1, 3, 1), nil},
		{"fewer descriptors than have come", frame(1, 1, 1), nil},
		{"text", []byte("GET / HTTP/1.1\r\n\r\n"), os.ErrInvalid},
		{"cut off", frame(100, 2, 1, 2, 3), io.EOF},
		{"cut off in front", frame(100, 2)[:5], io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, fd := connect(t)
			err := say(fd, test.data, openFiles(t, 2)...)
			unix.Close(fd)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				message, files, err := c.Receive()
				if err == nil || len(files) > 0 || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("Receive = %q, %v, %v, want %v", message, files, err, test.want)
				}
			}
		})
	}
}

func FuzzConn(f *testing.F) {
	f.Add([]byte(nil), byte(0))
	f.Add(frame(0, 0), byte(1))
	f.Add(frame(3, 1, 'a', 'b', 'c'), byte(1))
	f.Add(append(frame(1, 2, 'a'), frame(2, 0, 'b', 'c')...), byte(3))
	f.Add(append(frame(1, 1, 'a'), frame(0, 1)...), byte(2))
	f.Add(append(frame(1, 2, 'a'), frame(2, 0, 'b', 'c', 'd')...), byte(2))
	f.Add(frame(maxMessage, MaxFiles, 'a'), byte(2))
	f.Add(frame(1<<31, 1<<31, 'a'), byte(1))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, count byte) {
		before := countDescriptors(t)
		receiveFuzzed(t, data, make([]int, count%8)) // standard input, so many times
		if n := countDescriptors(t); n != before {
			t.Errorf("%d descriptors are open, there were %d", n, before)
		}
	})
}

// receiveFuzzed receives what a peer may send, and compares it with a simpler reading.
func receiveFuzzed(t *testing.T, data []byte, files []int) {
	ours, theirs, err := NewPair()
	if err != nil {
		t.Fatal(err)
	}
	var saying sync.WaitGroup
	saying.Go(func() {
		_ = say(int(theirs.Fd()), data, files...) // nobody hears what follows garbage
		theirs.Close()
	})
	defer saying.Wait()
	defer ours.Close()
	left, rest := len(files), data // descriptors go with the first byte
	for {
		message, got, err := ours.Receive()
		CloseFiles(got)
		want, count, next := readFrame(rest)
		switch good := want != nil && count == left; {
		case err != nil && good:
			t.Fatalf("%v, want %q", err, want)
		case err != nil:
			return
		case !good:
			t.Fatalf("received %q, want an error", message)
		case !bytes.Equal(message, want) || len(got) != count:
			t.Fatalf("received %q and %d descriptors, want %q and %d", message, len(got), want, count)
		}
		rest, left = next, 0
	}
}

// readFrame returns the first message in data, nil if there is none, how many descriptors
// come with it, and what follows.
func readFrame(data []byte) (message []byte, files int, rest []byte) {
	if len(data) < headerSize {
		return nil, 0, nil
	}
	size, count := binary.NativeEndian.Uint32(data), binary.NativeEndian.Uint32(data[4:])
	data = data[headerSize:]
	if uint64(size) > uint64(len(data)) || size > maxMessage || count > MaxFiles {
		return nil, 0, nil
	}
	return data[:size], int(count), data[size:]
}

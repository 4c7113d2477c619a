//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// answer is what the other end says in these tests, and what it is asked.
type answer struct {
	ID   uint64
	Text string
}

func (a answer) send(c *Conn, files ...int) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return c.Send(text, files...)
}

// exchange returns an exchange, the other end of it, and the news that it has told.
func exchange(t *testing.T) (e *Exchange[answer], peer *Conn, news *[]string) {
	t.Helper()
	ours, peer := connectBoth(t)
	news = new([]string)
	e = NewExchange(ours, func(a answer) uint64 { return a.ID }, func(a answer) { *news = append(*news, a.Text) })
	return e, peer, news
}

// waiting starts a goroutine that waits for an answer, and returns when somebody listens.
func waiting(e *Exchange[answer], id uint64) <-chan error {
	over := make(chan error, 1)
	go func() {
		_, err := e.Await(id)
		over <- err
	}()
	for {
		e.mu.Lock()
		listens := e.listens
		e.mu.Unlock()
		if listens {
			return over
		}
		runtime.Gosched()
	}
}

func TestAnswersInAnyOrder(t *testing.T) {
	const rounds, askers = 30, 50
	e, peer, news := exchange(t)
	file := openFiles(t, 1)[0]
	var asking sync.WaitGroup
	for range rounds {
		for range askers {
			asking.Go(func() {
				id := e.NextID()
				want := fmt.Sprint("answer to ", id)
				if err := (answer{ID: id, Text: want}).send(e.conn); err != nil {
					t.Error(err)
				}
				if got, err := e.Await(id); err != nil || got.ID != id || got.Text != want {
					t.Errorf("Await(%d) = %v, %v", id, got, err)
				}
			})
		}
		var questions [][]byte
		for range askers {
			question, _, err := peer.Receive()
			if err != nil {
				t.Fatal(err)
			}
			questions = append(questions, question)
		}
		rand.Shuffle(askers, func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
		questions = slices.Insert(questions, askers/2, []byte(`{"ID":0,"Text":"news"}`))
		for _, question := range questions {
			if err := peer.Send(question, file); err != nil { // nobody wants the descriptor
				t.Fatal(err)
			}
		}
	}
	asking.Wait()
	if err := e.CatchUp(); err != nil {
		t.Error(err)
	}
	if len(*news) != rounds || len(e.answers) != 0 {
		t.Errorf("%d news, want %d; %d answers are left", len(*news), rounds, len(e.answers))
	}
}

func TestCatchUp(t *testing.T) {
	for _, somebodyWaits := range []bool{false, true} {
		t.Run(fmt.Sprintf("waits=%v", somebodyWaits), func(t *testing.T) {
			e, peer, news := exchange(t)
			id := e.NextID()
			var over <-chan error
			if somebodyWaits {
				over = waiting(e, id)
			}
			for sent := range 500 {
				e.mu.Lock()
				seen := slices.Clone(*news)
				e.mu.Unlock()
				if len(seen) != sent {
					t.Fatalf("%d news, want %d", len(seen), sent)
				}
				if err := (answer{Text: "news"}).send(peer); err != nil {
					t.Fatal(err)
				}
				if err := e.CatchUp(); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.CatchUp(); err != nil { // there is nothing
				t.Error(err)
			}
			if err := (answer{ID: id}).send(peer); err != nil {
				t.Fatal(err)
			}
			if somebodyWaits {
				if err := <-over; err != nil {
					t.Error(err)
				}
			} else if _, err := e.Await(id); err != nil {
				t.Error(err)
			}
		})
	}
}

// Those who wait and those who catch up do not keep each other from hearing.
func TestCatchUpFromManyGoroutines(t *testing.T) {
	const each = 200
	e, peer, _ := exchange(t)
	var asking, catching sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range each {
				id := e.NextID()
				if err := (answer{ID: id}).send(e.conn); err != nil {
					t.Error(err)
				}
				if _, err := e.Await(id); err != nil {
					t.Error(err)
				}
			}
		})
		catching.Go(func() {
			for e.CatchUp() == nil {
				runtime.Gosched()
			}
		})
	}
	for range 4 * each {
		question, _, err := peer.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if err := peer.Send(question); err != nil {
			t.Fatal(err)
		}
	}
	asking.Wait()
	peer.Close()
	catching.Wait()
}

func TestEndWakesAll(t *testing.T) {
	e, peer, news := exchange(t)
	over := []<-chan error{waiting(e, e.NextID())}
	for range 20 {
		over = append(over, waiting(e, e.NextID()))
	}
	last := e.NextID()
	if err := errors.Join(answer{ID: last}.send(peer), answer{Text: "the end is near"}.send(peer)); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	for i, ended := range over {
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("Await %d: %v, want EOF", i, err)
		}
	}
	if err := e.CatchUp(); !errors.Is(err, io.EOF) {
		t.Errorf("CatchUp: %v, want EOF", err)
	}
	if !slices.Equal(*news, []string{"the end is near"}) {
		t.Errorf("news: %q", *news)
	}
	if _, err := e.Await(last); err != nil {
		t.Errorf("Await of what was answered before the end: %v", err)
	}
	if _, err := e.Await(last); !errors.Is(err, io.EOF) {
		t.Errorf("Await after the end: %v, want EOF", err)
	}
}

func TestOwnEndWakesAll(t *testing.T) {
	for range 100 {
		e, _, _ := exchange(t)
		over := []<-chan error{waiting(e, e.NextID()), waiting(e, e.NextID()), waiting(e, e.NextID())}
		e.conn.Close()
		if err := e.CatchUp(); err == nil {
			t.Error("CatchUp after Close: nil")
		}
		for _, ended := range over {
			if err := <-ended; err == nil {
				t.Error("Await after Close: nil")
			}
		}
	}
}

func TestGarbageEndsExchange(t *testing.T) {
	for _, garbage := range []string{"", "{", `{"ID":"x"}`, "\xff"} {
		t.Run(garbage, func(t *testing.T) {
			e, peer, _ := exchange(t)
			over := waiting(e, e.NextID())
			if err := peer.Send([]byte(garbage), openFiles(t, 2)...); err != nil {
				t.Fatal(err)
			}
			if err := <-over; err == nil || errors.Is(err, io.EOF) {
				t.Errorf("Await: %v", err)
			}
			if err := e.CatchUp(); err == nil {
				t.Error("CatchUp: nil")
			}
		})
	}
}

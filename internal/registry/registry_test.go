package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/procgroup/procgroup/internal/localsock"
)

func TestLife(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "web")
	if !isID(c.ID) || c.Dir != filepath.Join(r.path, c.ID) || c.Socket != localsock.Path(c.Dir, c.ID) {
		t.Errorf("claim %+v", c)
	}
	must(t, c.Save(json.RawMessage(`{"state":"running"}`)))
	e := only(t, r)
	if e.ID != c.ID || e.Name != "web" || e.Status != Live || e.PID != os.Getpid() ||
		e.Socket != c.Socket || e.Dir != c.Dir || string(e.Info) != `{"state":"running"}` {
		t.Errorf("entry %+v", e)
	}
	if err := r.Remove(e); !errors.Is(err, ErrLive) {
		t.Errorf("Remove of a live entry: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(c.Dir, "log"), []byte("text"), 0o600))
	must(t, c.End(json.RawMessage(`{"state":"exited"}`)))
	if e = only(t, r); e.Status != Ended || string(e.Info) != `{"state":"exited"}` {
		t.Errorf("ended entry %+v", e)
	}
	for name, err := range map[string]error{
		"Save": c.Save(nil), "End": c.End(nil), "Drop": c.Drop(), "SetCgroup": c.SetCgroup("/x", "procgroup-1-1-1-"),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after End: %v", name, err)
		}
	}
	must(t, r.Remove(e))
	must(t, r.Remove(e))
	if got := names(t, r.path); !slices.Equal(got, []string{lockName}) {
		t.Errorf("left: %q", got)
	}
}

// only returns the one entry.
func only(t *testing.T, r *Registry) Entry {
	t.Helper()
	list, err := r.List()
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d entries, not 1", len(list))
	}
	return list[0]
}

func TestDrop(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "web")
	must(t, os.WriteFile(filepath.Join(c.Dir, "log"), []byte("text"), 0o600))
	must(t, c.Drop())
	if got := names(t, r.path); !slices.Equal(got, []string{lockName}) {
		t.Errorf("left: %q", got)
	}
	if err := c.Drop(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Drop: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	first := claim(t, r, "web")
	if _, err := r.Claim("web"); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("second claim of a name: %v", err)
	}
	claim(t, r, "")
	claim(t, r, "")
	must(t, first.End(nil))
	second := claim(t, r, "web")
	got := list(t, r)
	if len(got) != 3 || got[2] != second.ID+" web live" {
		t.Errorf("after the name was claimed again: %q", got)
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	for _, name := range []string{"..", ".", "../x", "a/b", "/", `a\b`, "-x", "A", "a b", "ä", "a\x00", "a\n", strings.Repeat("a", 64)} {
		if _, err := r.Claim(name); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Claim(%q): %v", name, err)
		}
		if err := CheckName(name); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("CheckName(%q): %v", name, err)
		}
	}
	if err := CheckName(""); !errors.Is(err, os.ErrInvalid) {
		t.Errorf(`CheckName(""): %v`, err)
	}
	for _, name := range []string{"a", "0", "web-1.x_y", "a..", "con", strings.Repeat("a", 63)} {
		if err := CheckName(name); err != nil {
			t.Errorf("CheckName(%q): %v", name, err)
		}
	}
	for _, id := range []string{"", "..", "../../../etc", "0123456789aB", "0123456789abc", lockName} {
		if err := r.Remove(Entry{ID: id, Status: Ended}); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Remove of id %q: %v", id, err)
		}
	}
}

func TestSaveTooMuch(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "web")
	must(t, c.Save(json.RawMessage(`1`)))
	if err := c.Save(json.RawMessage(`"` + strings.Repeat("x", maxRecord) + `"`)); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Save of too much: %v", err)
	}
	if err := c.Save(json.RawMessage(`{`)); err == nil {
		t.Error("Save takes what is no JSON")
	}
	if e := only(t, r); string(e.Info) != `1` || e.Status != Live {
		t.Errorf("entry %+v", e)
	}
}

// TestTwoProcesses makes two processes claim one name at the same time.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	two := []*claimant{start(t, "claim", r, "web"), start(t, "claim", r, "web")}
	for _, c := range two {
		if got := c.says(t); got != "ready" {
			t.Fatal(got)
		}
	}
	for _, c := range two {
		c.tell(t)
	}
	claimed := 0
	for _, c := range two {
		switch got := c.says(t); {
		case strings.HasPrefix(got, "claimed "):
			claimed++
		case got != "taken":
			t.Errorf("a process says %q", got)
		}
	}
	if claimed != 1 {
		t.Errorf("%d processes have the name", claimed)
	}
}

func TestKilled(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := start(t, "claim", r, "web")
	_ = c.says(t)
	c.tell(t)
	id := strings.TrimPrefix(c.says(t), "claimed ")
	if got := list(t, r); !slices.Equal(got, []string{id + " web live"}) {
		t.Fatalf("before: %q", got)
	}
	c.kill(t)
	if got := list(t, r); !slices.Equal(got, []string{id + " web dead"}) {
		t.Fatalf("after: %q", got)
	}
	next := claim(t, r, "web")
	if got := list(t, r); !slices.Equal(got, []string{next.ID + " web live"}) {
		t.Errorf("after the name was claimed again: %q", got)
	}
}

// TestEndIsNeverDeath looks at entries while their runs end: what it sees is live or ended, never
// dead, and the name is that of a live run once at most.
func TestEndIsNeverDeath(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	var over atomic.Bool
	var workers, lookers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := range 25 {
				c, err := r.Claim(fmt.Sprintf("web%d", i%2))
				if errors.Is(err, ErrTaken) {
					continue
				}
				if err == nil && worker%2 == 0 {
					err = errors.Join(c.Save(json.RawMessage(`{}`)), c.End(json.RawMessage(`{}`)))
				} else if err == nil {
					err = c.Drop()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		lookers.Go(func() {
			for !over.Load() {
				entries, err := r.List()
				if err != nil {
					t.Error(err)
				}
				for _, e := range entries {
					if e.Status == Dead {
						t.Errorf("dead: %+v", e)
					}
				}
			}
		})
	}
	workers.Wait()
	over.Store(true)
	lookers.Wait()
}

// TestListWhileSaving lists a run that writes its record all the time: it is always there.
func TestListWhileSaving(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "busy")
	var over atomic.Bool
	var saver sync.WaitGroup
	saver.Go(func() {
		for !over.Load() {
			if err := c.Save(json.RawMessage(`{}`)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	rounds := 5000
	if testing.Short() {
		rounds = 500
	}
	for range rounds {
		entries, err := r.List()
		if err != nil || len(entries) != 1 || entries[0].Status != Live {
			t.Errorf("%+v, %v", entries, err)
			break
		}
	}
	over.Store(true)
	saver.Wait()
}

// TestLookersDoNotDisturb looks whether a run is there while others do: they are not taken for it.
func TestLookersDoNotDisturb(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	c := claim(t, r, "")
	if held, err := r.isHeld(c.ID); !held || err != nil {
		t.Errorf("held while it is live: %v, %v", held, err)
	}
	must(t, c.End(nil))
	other, err := r.openOwn(c.ID+lockSuffix, os.O_RDONLY)
	must(t, err)
	defer unlock(other)
	if locked, err := tryLock(other, false); !locked || err != nil {
		t.Fatalf("locked: %v, %v", locked, err)
	}
	if held, err := r.isHeld(c.ID); held || err != nil {
		t.Errorf("held while another one looks: %v, %v", held, err)
	}
}

func TestBusyDirectory(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	release, err := r.lock()
	must(t, err)
	defer release()
	f, err := r.create(lockName, 0)
	must(t, err)
	defer f.Close()
	if err := lockWithin(f, 20*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("lock of a busy directory: %v", err)
	}
	if _, err := r.List(); err != nil {
		t.Errorf("List of a busy directory: %v", err)
	}
}

func TestOldestEndedGo(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	var ids []string
	for range maxEnded + 3 {
		c, err := r.newClaim("") // alone, it does not look at the others
		must(t, err)
		must(t, c.End(nil))
		ids = append(ids, c.ID)
	}
	claim(t, r, "")
	entries, err := r.List()
	must(t, err)
	if len(entries) != maxEnded+1 {
		t.Fatalf("%d entries", len(entries))
	}
	for i, e := range entries[:maxEnded] {
		if e.ID != ids[i+3] {
			t.Fatalf("entry %d is %s, not %s", i, e.ID, ids[i+3])
		}
	}
}

func TestManyEntries(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	const many = 100
	for i := range many {
		c, err := r.newClaim(fmt.Sprintf("web%d", i)) // alone, it does not look at the others
		must(t, err)
		defer func() { must(t, c.Drop()) }()
	}
	begin := time.Now()
	entries, err := r.List()
	must(t, err)
	if took := time.Since(begin); len(entries) != many || took > 5*time.Second {
		t.Errorf("%d entries in %v", len(entries), took)
	}
}

// TestBroken has entries of which there is no record: they go when they are old, if it is known
// that nobody is there.
func TestBroken(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	old := time.Now().Add(-2 * brokenAge)
	make := func(id string, when time.Time) {
		t.Helper()
		must(t, os.Mkdir(filepath.Join(r.path, id), 0o700))
		must(t, os.WriteFile(filepath.Join(r.path, id, recordFile), []byte("garbage"), 0o600))
		must(t, os.WriteFile(filepath.Join(r.path, id+lockSuffix), nil, 0o600))
		for _, name := range []string{id, id + lockSuffix} {
			must(t, os.Chtimes(filepath.Join(r.path, name), when, when))
		}
	}
	make("00000000000a", old)
	make("00000000000b", time.Now())
	make("0000000000c", old)
	make("00000000000d", old)
	held, err := r.openOwn("00000000000d"+lockSuffix, os.O_RDWR)
	must(t, err)
	must(t, lockWithin(held, 0))
	defer unlock(held)

	if got := list(t, r); got != nil {
		t.Errorf("listed: %q", got)
	}
	must(t, claim(t, r, "").Drop())
	want := []string{"00000000000b", "00000000000b.lock", "00000000000d", "00000000000d.lock",
		"0000000000c", "0000000000c.lock", lockName}
	if got := names(t, r.path); !slices.Equal(got, want) {
		t.Errorf("left: %q", got)
	}
}

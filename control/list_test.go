package control_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/procgroup/procgroup/control"
	"github.com/procgroup/procgroup/internal/registry"
)

// TestListMany lists runs by the hundred.
func TestListMany(t *testing.T) {
	directory := own(t)
	many := 100
	if testing.Short() {
		many = 20 // under Wine a hundred claims take twenty seconds
	}
	for i := range many {
		serve(t, directory, control.Info{Name: fmt.Sprintf("run-%d", i)})
	}
	begun := time.Now()
	infos, err := control.List(t.Context())
	took := time.Since(begun)
	if err != nil || len(infos) != many {
		t.Fatalf("%d listed, %v", len(infos), err)
	}
	for i, info := range infos {
		if info.State != control.Running || info.Name != fmt.Sprintf("run-%d", i) {
			t.Errorf("number %d is %s, %s", i, info.Name, info.State)
		}
	}
	t.Logf("it took %v", took)
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestListStates lists runs in every condition.
func TestListStates(t *testing.T) {
	control.SetSilence(t, 200*time.Millisecond)
	directory := own(t)
	serve(t, directory, control.Info{Name: "running"})
	serve(t, directory, control.Info{Name: "ended"}).end(t)
	claim(t, directory, control.Info{Name: "refusing"})
	deaf, _ := claim(t, directory, control.Info{Name: "silent", State: control.Paused})
	answerWith(t, deaf.Socket, silent)
	false1, _ := claim(t, directory, control.Info{Name: "impostor"})
	answerWith(t, false1.Socket, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1<<10))
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"id\":\"0123456789ab\"}")
	})
	deadID, kill := startRun(t, "dead")
	kill()

	begun := time.Now()
	infos, err := control.List(t.Context())
	if err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	want := map[string]control.State{
		"running": control.Running, "ended": control.Exited, "refusing": control.Silent,
		"silent": control.Silent, "impostor": control.Silent, "dead": control.Dead,
	}
	for _, info := range infos {
		if info.State != want[info.Name] || info.State == "" {
			t.Errorf("%s is %q, want %q", info.Name, info.State, want[info.Name])
		}
		if info.Name == "dead" && info.ID != deadID {
			t.Errorf("dead is %s, want %s", info.ID, deadID)
		}
		delete(want, info.Name)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	infos, err = control.List(t.Context())
	if err != nil || len(infos) != 5 {
		t.Errorf("%d listed the second time, %v", len(infos), err)
	}
}

// TestListSilent sees that the silent ones are waited for at the same time.
func TestListSilent(t *testing.T) {
	control.SetSilence(t, 200*time.Millisecond)
	directory := own(t)
	const many = 20
	for range many {
		c, _ := claim(t, directory, control.Info{})
		answerWith(t, c.Socket, silent)
	}
	begun := time.Now()
	infos, err := control.List(t.Context())
	if err != nil || len(infos) != many {
		t.Errorf("%d listed, %v", len(infos), err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestFind(t *testing.T) {
	directory := own(t)
	first := serve(t, directory, control.Info{Name: "web"})
	claim(t, directory, control.Info{Name: first.info.ID[:5]}) // the name goes before the beginning of an id
	for key, id := range map[string]string{"web": first.info.ID, first.info.ID: first.info.ID, first.info.ID[:11]: first.info.ID} {
		info, err := find(t, key).Info(t.Context())
		if err != nil || info.ID != id {
			t.Errorf("%s: %+v, %v", key, info, err)
		}
	}
	if _, err := find(t, first.info.ID[:5]).Info(t.Context()); !errors.Is(err, control.ErrSilent) {
		t.Errorf("an id's beginning that is a name: %v", err)
	}
	for _, key := range []string{"", "we", "nobody", "0123456789abcdef", "../" + first.info.ID} {
		if _, err := control.Find(t.Context(), key); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestFindAmbiguous(t *testing.T) {
	entries := []registry.Entry{{ID: "0123400000aa"}, {ID: "0123500000bb"}, {ID: "fff000000000"}}
	for key, id := range map[string]string{"01234": "0123400000aa", "fff0": "fff000000000"} {
		if e, err := control.Choose(entries, key); err != nil || e.ID != id {
			t.Errorf("%s: %s, %v", key, e.ID, err)
		}
	}
	_, err := control.Choose(entries, "0123")
	if !errors.Is(err, control.ErrAmbiguous) || !strings.Contains(err.Error(), "0123400000aa, 0123500000bb") {
		t.Error(err)
	}
	// A name that is gone means nobody else.
	for _, key := range []string{"f", "ff", "fff"} {
		if e, err := control.Choose(entries, key); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s: %s, %v", key, e.ID, err)
		}
	}
}

// TestFindDead finds a run that was killed, once.
func TestFindDead(t *testing.T) {
	own(t)
	_, kill := startRun(t, "web")
	kill()
	if _, err := control.Find(t.Context(), "web"); !errors.Is(err, control.ErrEnded) || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
	if _, err := control.Find(t.Context(), "web"); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
}

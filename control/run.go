package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/procgroup/procgroup/internal/registry"
)

// Run is a run of the program that is there, or was. Its methods may be called from many goroutines.
//
// A run that has ended answers Info, Wait and Logs from what it has left behind; everything else
// gives [ErrEnded]. If it was killed it has left nothing, and all of them do. A run that is
// stopped or very busy gives [ErrSilent] after two seconds, but Wait, Stop and a Logs that follows
// wait for it. What the run itself cannot do is an [*Error].
type Run struct {
	entry  registry.Entry // as it was found; of a run that was dialed, the socket alone
	client *http.Client
}

// Dial returns the run that is served on a socket. Nothing is connected yet.
func Dial(socket string) *Run { return newRun(registry.Entry{Socket: socket}) }

// Close frees the connections that are not in use. The run can be used all the same.
func (r *Run) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// Info tells what the run is doing.
func (r *Run) Info(ctx context.Context) (Info, error) {
	var info Info
	err := r.do(ctx, request{method: http.MethodGet, path: "run"}, &info)
	if record, ok := recordIn(err); ok {
		return record, nil
	}
	if err == nil && r.entry.ID != "" && info.ID != r.entry.ID {
		err = fmt.Errorf("%w: another one answers in its place", ErrSilent)
	}
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// Processes lists the members of the group.
func (r *Run) Processes(ctx context.Context) ([]Process, error) {
	var answer struct {
		Processes []Process `json:"processes"`
	}
	err := r.do(ctx, request{method: http.MethodGet, path: "processes", patience: whileAnswering}, &answer)
	return answer.Processes, err
}

// Stats tells what the group has used, and uses now.
func (r *Run) Stats(ctx context.Context) (Stats, error) {
	var stats Stats
	err := r.do(ctx, request{method: http.MethodGet, path: "stats", patience: whileAnswering}, &stats)
	return stats, err
}

// Pause stops every member of the group, and returns when none runs. If ctx ends first, all run
// again.
func (r *Run) Pause(ctx context.Context) error { return r.order(ctx, "pause", nil) }

// Resume lets a paused group run again.
func (r *Run) Resume(ctx context.Context) error { return r.order(ctx, "resume", nil) }

// Kill kills every member of the group. The run ends, and is not restarted.
func (r *Run) Kill(ctx context.Context) error { return r.order(ctx, "kill", nil) }

// Signal sends every member of the group a signal: its name, with or without SIG, or its number.
func (r *Run) Signal(ctx context.Context, name string) error {
	return r.order(ctx, "signal", map[string]string{"signal": name})
}

// order tells the run to do something.
func (r *Run) order(ctx context.Context, path string, body any) error {
	return r.do(ctx, request{method: http.MethodPost, path: path, body: body, patience: whileAnswering}, nil)
}

// Stop asks every member to end, kills those who are left after the grace, and returns when the run
// is over.
func (r *Run) Stop(ctx context.Context, o StopOptions) error {
	err := r.do(ctx, request{method: http.MethodPost, path: "stop", body: o, patience: unlimited}, nil)
	var over *overError
	if errors.As(err, &over) && over.asked && over.entry.Status == registry.Ended {
		return nil // it has ended as it was told to, and only the answer is missing
	}
	return err
}

// Wait waits for what until says, and returns the run as it was then. "" is [UntilExit].
func (r *Run) Wait(ctx context.Context, until Until) (Info, error) {
	query := make(url.Values)
	if until != "" {
		query.Set("until", string(until))
	}
	var info Info
	err := r.do(ctx, request{method: http.MethodGet, path: "wait", query: query, patience: unlimited}, &info)
	if record, ok := recordIn(err); ok {
		return record, nil
	}
	return info, err
}

// Remove forgets a run that is over, with its log. A run that is there is left alone, with an error.
func (r *Run) Remove(ctx context.Context) error {
	directory, err := registry.Open()
	if err != nil {
		return err
	}
	defer directory.Close()
	entry, err := r.look(ctx, directory, 0)
	if err != nil {
		return err
	}
	return directory.Remove(entry)
}

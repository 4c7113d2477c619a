package control

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/procgroup/procgroup/internal/registry"
)

// askedAtOnce is how many runs List asks at a time.
const askedAtOnce = 32

// List returns all runs of this user, the oldest first, also those that have ended. Each live
// one is asked, and is [Silent] if it does not answer in two seconds. One that was killed is
// [Dead]: it is listed this once, and what it held is killed. An error that is about one run does
// not keep the others from being listed.
func List(ctx context.Context) ([]Info, error) {
	directory, err := registry.Open()
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	entries, err := directory.List()
	if err != nil {
		return nil, err
	}
	infos := make([]Info, len(entries))
	errs := make([]error, len(entries))
	slots := make(chan struct{}, askedAtOnce)
	var asked sync.WaitGroup
	for i, entry := range entries {
		switch entry.Status {
		case registry.Live:
			slots <- struct{}{}
			asked.Go(func() {
				infos[i] = ask(ctx, entry)
				<-slots
			})
		case registry.Dead:
			errs[i] = directory.Remove(entry)
			fallthrough
		default:
			infos[i] = recorded(entry)
		}
	}
	asked.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	infos = slices.DeleteFunc(infos, func(info Info) bool { return info.ID == "" })
	slices.SortStableFunc(infos, func(a, b Info) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return infos, errors.Join(errs...)
}

// ask returns what a live run says of itself, or what its entry says if it is silent. The id is ""
// if the run is over by now and has left nothing.
func ask(ctx context.Context, entry registry.Entry) Info {
	run := newRun(entry)
	defer run.Close()
	info, err := run.Info(ctx)
	var over *overError
	switch {
	case err == nil:
		return info
	case errors.As(err, &over):
		return Info{} // of one that was killed, the next List will tell
	}
	info = recorded(entry)
	info.State = Silent
	return info
}

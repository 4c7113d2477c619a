// Package events tells programs what happens to a run: one JSON object a line, as
// docs/events.schema.json describes it.
package events

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// Version is the version of the format. Another one comes when what there is changes its meaning;
// more fields and kinds may come with the same.
const Version = 1

// Kind says what has happened.
type Kind string

// The kinds of events.
const (
	Started   Kind = "started"   // the command was started, for the first time or again
	Ready     Kind = "ready"     // what --ready and its like wait for has come
	Paused    Kind = "paused"    // nobody in the group runs
	Resumed   Kind = "resumed"   // the group runs again
	Leftover  Kind = "leftover"  // the command has ended, and others of the group who were there were killed
	Limit     Kind = "limit"     // a limit was reached, of which the command ends
	Exited    Kind = "exited"    // the command has ended
	Restarted Kind = "restarted" // it will be started again
	Stopped   Kind = "stopped"   // the run is over: the last event
)

// Event is something that has happened to a run. Fields that an event does not have are left out
// of its line.
type Event struct {
	Version int       `json:"version"` // set by Write
	Time    time.Time `json:"time"`    // in UTC; set by Write
	Event   Kind      `json:"event"`

	ID   string `json:"id,omitempty"`   // of the run; absent if it could not be registered
	Name string `json:"name,omitempty"` // of the run; absent if it has none

	// PID is the process number of the command: of Started, Ready and Exited.
	PID int `json:"pid,omitempty"`

	// PIDs are the process numbers of those who were killed: of Leftover.
	PIDs []int `json:"pids,omitempty"`

	// Command and Containment are what was started, and in what it is held: of Started.
	Command     []string              `json:"command,omitempty"`
	Containment procgroup.Containment `json:"containment,omitzero"`

	// Status and Signal are those of [control.Exit]: of Exited, and of Stopped, where the status
	// is that of procgroup run. Signal is absent unless a signal has ended the command.
	Status *int   `json:"status,omitempty"`
	Signal string `json:"signal,omitempty"`

	// Reason says why: of Exited and Stopped, and of Limit, where it tells which one it was.
	Reason control.Reason `json:"reason,omitempty"`

	// Restarts is how often the command was started again, this time included, and Delay the
	// back-off before it is: of Restarted. Without a delay it is absent.
	Restarts int           `json:"restarts,omitempty"`
	Delay    time.Duration `json:"delay_ns,omitzero"` // in nanoseconds

	// Message is for people: of Limit, how much it was.
	Message string `json:"message,omitempty"`
}

// line returns the event as it stands in a line, which it ends.
func (e Event) line() ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, err
	}
	return line.Bytes(), nil
}

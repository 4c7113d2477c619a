package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	// recordFile is the name of a record in the directory of its entry.
	recordFile = "run.json"

	// recordVersion is the form of what is written here.
	recordVersion = 1

	// maxRecord bounds a record, in bytes.
	maxRecord = 1 << 20
)

// record is what an entry says, in JSON.
type record struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	PID     int             `json:"pid"` // whose lock it was; only to be shown
	Created time.Time       `json:"created"`
	BootID  string          `json:"boot_id,omitempty"` // of the system's start in which it was made
	Cgroups cgroups         `json:"cgroups,omitzero"`
	Ended   time.Time       `json:"ended,omitzero"` // the zero time while the run is not known to be over
	Info    json.RawMessage `json:"info,omitempty"`
}

// encode returns the text of a record that decode takes.
func (r record) encode() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(data) > maxRecord {
		return nil, fmt.Errorf("the record has %d bytes, and at most %d are allowed: %w", len(data), maxRecord, os.ErrInvalid)
	}
	return data, nil
}

// decode reads the text of the record of an entry.
func decode(data []byte, id string) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, err
	}
	switch {
	case r.Version != recordVersion:
		return record{}, fmt.Errorf("record version %d is not known", r.Version)
	case r.ID != id:
		return record{}, fmt.Errorf("a record of %.20q", r.ID)
	case r.PID <= 0:
		return record{}, fmt.Errorf("a record of process %d", r.PID)
	case r.Name != "":
		return r, CheckName(r.Name)
	}
	return r, nil
}

// read reads the record of an entry.
func (r *Registry) read(id string) (record, error) {
	f, err := r.openOwn(filepath.Join(id, recordFile), os.O_RDONLY)
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return record{}, err
	}
	if len(data) > maxRecord {
		return record{}, fmt.Errorf("%s has more than %d bytes", f.Name(), maxRecord)
	}
	return decode(data, id)
}

// write makes rec the record of its entry. Who reads it meanwhile gets the one before or this.
func (r *Registry) write(rec record) error {
	data, err := rec.encode()
	if err != nil {
		return err
	}
	path := filepath.Join(rec.ID, recordFile)
	f, err := r.create(path+".new", os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return persist(func() error { return r.root.Rename(path+".new", path) })
}

// persistLimit bounds how long something is tried that others keep from happening.
const persistLimit = 2 * time.Second

// persist calls f again while it fails because somebody has a file open, as happens on Windows.
func persist(f func() error) error {
	for deadline := time.Now().Add(persistLimit); ; time.Sleep(time.Millisecond) {
		err := f()
		if err == nil || !isInUse(err) || time.Now().After(deadline) {
			return err
		}
	}
}

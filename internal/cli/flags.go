package cli

import (
	"encoding"
	"errors"
	"syscall"
	"time"

	"github.com/docker/go-units"

	"github.com/procgroup/procgroup"
	"github.com/procgroup/procgroup/control"
)

// value is a pflag.Value: a kind of text and how it is read.
type value struct {
	kind string
	text string // as it was given last
	read func(text string) error
}

func (v *value) String() string { return v.text }
func (v *value) Type() string   { return v.kind }

// Set reads a text. Pflag puts the flag's name and the text in front of its error.
func (v *value) Set(text string) error {
	if err := v.read(text); err != nil {
		return errors.New(oneLine(err))
	}
	v.text = text
	return nil
}

// durationValue is a time.Duration that is not negative.
func durationValue(d *time.Duration) *value {
	v := &value{kind: "duration", read: func(text string) error {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		if parsed < 0 {
			return errors.New("must not be negative")
		}
		*d = parsed
		return nil
	}}
	if *d != 0 {
		v.text = d.String()
	}
	return v
}

// sizeValue is a number of bytes, with a unit or not, of which there has to be one at least.
func sizeValue(size *int64) *value {
	return &value{kind: "size", read: func(text string) error {
		parsed, err := units.RAMInBytes(text)
		if err != nil {
			return err
		}
		if parsed <= 0 {
			return errors.New("must be positive")
		}
		*size = parsed
		return nil
	}}
}

// nameValue is the name of a run.
func nameValue(name *string) *value {
	return &value{kind: "name", read: func(text string) error {
		*name = text
		return control.CheckName(text)
	}}
}

// signalValue is a signal, by name or number.
func signalValue(sig *syscall.Signal) *value {
	return &value{kind: "signal", text: signalName(*sig), read: func(text string) (err error) {
		parsed, err := parseSignal(text)
		if err == nil {
			*sig = parsed
		}
		return err
	}}
}

// textValue is anything that reads itself.
func textValue(kind, initial string, to encoding.TextUnmarshaler) *value {
	return &value{kind: kind, text: initial, read: func(text string) error {
		return to.UnmarshalText([]byte(text))
	}}
}

// guaranteesValue adds up what it is given.
func guaranteesValue(g *procgroup.Guarantees) *value {
	return &value{kind: "list", read: func(text string) error {
		var more procgroup.Guarantees
		if err := more.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		*g |= more
		return nil
	}}
}

package runlog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"

	"github.com/procgroup/procgroup/internal/logline"
)

// Read calls line for the lines of a log that the options choose, until it returns an error,
// which Read returns. What is not in the format is left out. If there is no log, the error wraps
// [fs.ErrNotExist].
//
// Tail counts a line that is split once, and those lines that begin last. Since compares the
// time of each part.
//
// Changed returns a channel that is closed when there may be more, and whether the log is
// closed, which ends following; it is [Writer.Watch], or the like of it. Without it Read does
// not follow. A reader that follows loses only lines that were rotated away before it came to
// them.
func Read(ctx context.Context, path string, o logline.Options,
	changed func() (<-chan struct{}, bool), line func(logline.Line) error) error {
	r := &reader{path: path, options: o, line: line, cursor: newCursor(nil)}
	defer r.close()
	follow := o.Follow && changed != nil
	files, err := newer(path, nil)
	switch {
	case err != nil:
		return err
	case len(files) == 0 && !follow:
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err := r.readKept(ctx, files); err != nil || !follow {
		return err
	}
	for {
		more, closed := changed()
		if err := r.readNew(ctx); err != nil || closed {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reader reads one file of a log after the other.
type reader struct {
	path    string
	options logline.Options
	line    func(logline.Line) error

	cursor *cursor
	read   []opened // the last ones, open; cursor is in the very last
	lines  tally
	skip   int // lines up to this number are not shown
}

// remembered is how many of the files that were read stay open: the reader knows them again, and
// that those before them are old, if somebody removes the last one.
const remembered = 2

// readKept reads the files that there are, as large as they are.
func (r *reader) readKept(ctx context.Context, files []opened) error {
	defer func() { closeFiles(files) }()
	sizes := make([]int64, len(files))
	for i, file := range files {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		sizes[i] = info.Size()
	}
	if r.options.Tail.Valid {
		var all tally
		for i, file := range files {
			r.cursor.move(file.File)
			err := r.each(ctx, sizes[i], func(l logline.Line) error {
				all.number(l)
				return nil
			})
			if err != nil {
				return err
			}
		}
		r.skip = all.count - max(0, r.options.Tail.V)
	}
	for _, size := range sizes {
		r.enter(files[0])
		files = files[1:]
		if err := r.each(ctx, size, r.show); err != nil {
			return err
		}
	}
	r.skip = 0
	return nil
}

// readNew reads what has come since.
func (r *reader) readNew(ctx context.Context) error {
	for {
		files, err := newer(r.path, r.read)
		if err != nil {
			return err
		}
		// If there are others now, nothing comes any more to the file where the cursor is.
		if err := r.each(ctx, math.MaxInt64, r.show); err != nil || len(files) == 0 {
			closeFiles(files)
			return err
		}
		for i, file := range files {
			r.enter(file)
			if err := r.each(ctx, math.MaxInt64, r.show); err != nil {
				closeFiles(files[i+1:])
				return err
			}
		}
	}
}

// enter goes to a file, which it takes over.
func (r *reader) enter(file opened) {
	r.read = append(r.read, file)
	if len(r.read) > remembered {
		r.read[0].Close()
		r.read = r.read[1:]
	}
	r.cursor.move(file.File)
}

// each calls f for the lines up to an offset in the file where the cursor is.
func (r *reader) each(ctx context.Context, end int64, f func(logline.Line) error) error {
	for r.cursor.file != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := r.cursor.next(end)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l, err := logline.Parse(data)
		if err != nil {
			continue
		}
		if err := f(l); err != nil {
			return err
		}
	}
	return nil
}

// show passes on a line if it is among those that were asked for.
func (r *reader) show(l logline.Line) error {
	if r.skip > 0 && r.lines.number(l) <= r.skip || l.Time.Before(r.options.Since) {
		return nil
	}
	return r.line(l)
}

func (r *reader) close() { closeFiles(r.read) }

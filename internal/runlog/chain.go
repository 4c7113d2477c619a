package runlog

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// opened is a file of a log that is open, so that no other has its identity.
type opened struct {
	*os.File
	info os.FileInfo
}

// openAt opens the file that is i rotations old.
func openAt(path string, i int) (opened, error) {
	file, err := openFile(fileName(path, i), os.O_RDONLY)
	if err != nil {
		return opened{}, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return opened{}, err
	}
	return opened{file, info}, nil
}

// find returns which of the files this one is, -1 if none is.
func find(files []opened, file opened) int {
	return slices.IndexFunc(files, func(other opened) bool { return os.SameFile(other.info, file.info) })
}

func closeFiles(files []opened) {
	for _, file := range files {
		file.Close()
	}
}

// maxGap is how many names in a row may have no file. A rotation leaves one without for a
// moment, and another rotation the next one, when it is just being looked for.
const maxGap = 8

// newer opens the files of a log that are newer than those given, which are open, or all if none
// are given. The oldest one is in front. All but the last of them are complete, and so are those
// given if there is a newer one.
func newer(path string, than []opened) ([]opened, error) {
	for {
		files, met, err := walk(path, than)
		slices.Reverse(files)
		if err != nil || met || len(files) == 0 {
			return files, err
		}
		// Files may have come that are newer than the first one found. If it is there still,
		// walk has passed it again, and has them sorted out. Otherwise it was rotated away.
		again, met, err := walk(path, files[len(files)-1:])
		closeFiles(again)
		if err == nil && met {
			return files, nil
		}
		closeFiles(files)
		if err != nil {
			return nil, err
		}
	}
}

// walk opens the files of a log from the newest on, until it meets one of those given or there
// are no more.
//
// Rotations go on meanwhile. They move files to where walk has not been yet, so that it misses
// none. But then it may meet one again, and before that some that are newer.
func walk(path string, until []opened) (files []opened, met bool, err error) {
	for i, gap := 0, 0; gap < maxGap; i++ {
		file, failed := openAt(path, i)
		if failed != nil {
			if err == nil && !errors.Is(failed, fs.ErrNotExist) {
				err = failed
			}
			gap++
			continue
		}
		gap = 0
		if find(until, file) >= 0 {
			file.Close()
			return files, true, nil
		}
		if k := find(files, file); k >= 0 {
			// Those behind it are newer, or come again.
			file.Close()
			closeFiles(files[k+1:])
			files = files[:k+1]
			continue
		}
		files = append(files, file)
	}
	if len(files) > 0 {
		err = nil // what can be read is read
	}
	return files, false, err
}

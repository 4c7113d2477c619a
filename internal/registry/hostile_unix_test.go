//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	goodID     = "0123456789ab"
	goodRecord = `{"version":1,"id":"` + goodID + `","name":"web","pid":7,"created":"2026-01-02T03:04:05Z"}`
)

// nobody is a user that we are not.
const nobody = 65534

// within runs f, which must not hang.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it hangs")
	}
}

// TestHostileEntries has entries that only look like such. They are not listed, nobody waits for
// them, and names and files of others are left alone.
func TestHostileEntries(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(t *testing.T, record, lock string){
		"record is a FIFO": func(t *testing.T, record, _ string) {
			must(t, unix.Mkfifo(record, 0o600))
		},
		"record is a link": func(t *testing.T, record, _ string) {
			other := filepath.Join(t.TempDir(), "other")
			must(t, os.WriteFile(other, []byte(goodRecord), 0o600))
			must(t, os.Symlink(other, record))
		},
		"record is a link inside": func(t *testing.T, record, _ string) {
			must(t, os.WriteFile(filepath.Join(filepath.Dir(record), "other"), []byte(goodRecord), 0o600))
			must(t, os.Symlink("other", record))
		},
		"record is a directory": func(t *testing.T, record, _ string) {
			must(t, os.Mkdir(record, 0o700))
		},
		"record is too big": func(t *testing.T, record, _ string) {
			must(t, os.WriteFile(record, []byte(goodRecord+strings.Repeat(" ", maxRecord)), 0o600))
		},
		"record is garbage": func(t *testing.T, record, _ string) {
			must(t, os.WriteFile(record, []byte(goodRecord[:40]), 0o600))
		},
		"record of another entry": func(t *testing.T, record, _ string) {
			must(t, os.WriteFile(record, []byte(strings.Replace(goodRecord, "ab", "aa", 1)), 0o600))
		},
		"record with a bad name": func(t *testing.T, record, _ string) {
			must(t, os.WriteFile(record, []byte(strings.Replace(goodRecord, "web", "../web", 1)), 0o600))
		},
		"record of another user": func(t *testing.T, record, _ string) {
			needRoot(t)
			must(t, os.WriteFile(record, []byte(goodRecord), 0o600))
			must(t, os.Chown(record, nobody, nobody))
		},
		"lock is a FIFO": func(t *testing.T, record, lock string) {
			must(t, os.WriteFile(record, []byte(goodRecord), 0o600))
			must(t, os.Remove(lock))
			must(t, unix.Mkfifo(lock, 0o600))
		},
		"lock is a link": func(t *testing.T, record, lock string) {
			must(t, os.WriteFile(record, []byte(goodRecord), 0o600))
			must(t, os.Remove(lock))
			must(t, os.Symlink("/dev/null", lock))
		},
		"no lock": func(t *testing.T, record, lock string) {
			must(t, os.WriteFile(record, []byte(goodRecord), 0o600))
			must(t, os.Remove(lock))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRegistry(t)
			dir := filepath.Join(r.path, goodID)
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.WriteFile(dir+lockSuffix, nil, 0o600))
			make(t, filepath.Join(dir, recordFile), dir+lockSuffix)
			before := names(t, r.path)
			within(t, func() {
				if got := list(t, r); got != nil {
					t.Errorf("listed: %q", got)
				}
				must(t, claim(t, r, "web").Drop())
				_ = r.Remove(Entry{ID: goodID})
			})
			if got := names(t, r.path); !slices.Equal(got, append(before, lockName)) {
				t.Errorf("left %q of %q", got, before)
			}
		})
	}
}

// TestGoodEntry makes sure that the hostile ones fail for what is said of them.
func TestGoodEntry(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	dir := filepath.Join(r.path, goodID)
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(dir+lockSuffix, nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, recordFile), []byte(goodRecord), 0o600))
	if got := list(t, r); !slices.Equal(got, []string{goodID + " web dead"}) {
		t.Errorf("listed: %q", got)
	}
}

// TestEntryIsLink removes an old entry whose directory leads elsewhere.
func TestEntryIsLink(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, recordFile), []byte(goodRecord), 0o600))
	must(t, os.Symlink(elsewhere, filepath.Join(r.path, goodID)))
	must(t, os.WriteFile(filepath.Join(r.path, goodID+lockSuffix), nil, 0o600))
	if got := list(t, r); got != nil {
		t.Errorf("listed: %q", got)
	}
	must(t, r.erase(goodID))
	if got := names(t, elsewhere); !slices.Equal(got, []string{recordFile}) {
		t.Errorf("left elsewhere: %q", got)
	}
}

// TestHostileDirectory opens what is not a directory of ours alone.
func TestHostileDirectory(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(t *testing.T, path string){
		"link": func(t *testing.T, path string) {
			must(t, os.Mkdir(path+"-other", 0o700))
			must(t, os.Symlink(path+"-other", path))
		},
		"dangling link": func(t *testing.T, path string) {
			must(t, os.Symlink(path+"-other", path))
		},
		"file": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
		},
		"FIFO": func(t *testing.T, path string) {
			must(t, unix.Mkfifo(path, 0o600))
		},
		"mode 0755": func(t *testing.T, path string) {
			must(t, os.Mkdir(path, 0o700))
			must(t, os.Chmod(path, 0o755))
		},
		"mode 0710": func(t *testing.T, path string) {
			must(t, os.Mkdir(path, 0o700))
			must(t, os.Chmod(path, 0o710))
		},
		"another user's": func(t *testing.T, path string) {
			needRoot(t)
			must(t, os.Mkdir(path, 0o700))
			must(t, os.Chown(path, nobody, nobody))
		},
		"in a world-writable directory": func(t *testing.T, path string) {
			must(t, os.Chmod(filepath.Dir(path), 0o777))
		},
		"in another user's directory": func(t *testing.T, path string) {
			needRoot(t)
			must(t, os.Chown(filepath.Dir(path), nobody, nobody))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "procgroup")
			make(t, path)
			within(t, func() {
				_, err := openAt(path)
				if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), filepath.Dir(path)) {
					t.Errorf("open: %v", err)
				}
			})
		})
	}
}

func TestStickyParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777|fs.ModeSticky))
	r, err := openAt(filepath.Join(dir, "procgroup"))
	must(t, err)
	r.Close()
}

// TestUmask is not parallel: the umask is that of the process.
func TestUmask(t *testing.T) {
	for _, umask := range []int{0, 0o77, 0o777} {
		path := filepath.Join(t.TempDir(), "procgroup")
		old := unix.Umask(umask)
		r, err := openAt(path)
		if err == nil {
			_, err = r.Claim("web")
		}
		unix.Umask(old)
		must(t, err)
		must(t, filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			must(t, err)
			info, err := entry.Info()
			must(t, err)
			want := fs.FileMode(0o600)
			if entry.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				t.Errorf("umask %03o: %s has mode %v", umask, path, info.Mode())
			}
			return nil
		}))
	}
}

// TestDir is not parallel: the environment is that of the process.
func TestDir(t *testing.T) {
	good := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", good)
	if dir, err := Dir(); dir != filepath.Join(good, "procgroup") || err != nil {
		t.Errorf("Dir is %q, %v", dir, err)
	}
	if got := names(t, good); got != nil {
		t.Errorf("Dir makes %q", got)
	}
	r, err := Open()
	must(t, err)
	r.Close()
	if got := names(t, good); !slices.Equal(got, []string{"procgroup"}) {
		t.Errorf("Open makes %q", got)
	}

	file := filepath.Join(good, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for dir, want := range map[string]error{
		"run":                         os.ErrInvalid,
		filepath.Join(good, "absent"): fs.ErrNotExist,
		file:                          os.ErrInvalid,
	} {
		t.Setenv("XDG_RUNTIME_DIR", dir)
		if _, err := Dir(); !errors.Is(err, want) || !strings.Contains(err.Error(), "XDG_RUNTIME_DIR is "+dir) {
			t.Errorf("Dir with %s: %v", dir, err)
		}
	}

	t.Setenv("XDG_RUNTIME_DIR", "")
	if dir, err := Dir(); err != nil || !strings.HasPrefix(dir, "/run/user/") && !strings.HasPrefix(dir, "/tmp/procgroup-") {
		t.Errorf("Dir without XDG_RUNTIME_DIR: %q, %v", dir, err)
	}

	needRoot(t)
	other := t.TempDir()
	must(t, os.Chown(other, nobody, nobody))
	t.Setenv("XDG_RUNTIME_DIR", other)
	if _, err := Dir(); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("Dir with another user's: %v", err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

package runlog

import (
	"testing"

	"golang.org/x/sys/windows"
)

// play is for other systems.
func play(string) int { return 1 }

// skipOnWine skips a test that renames files which are just being opened: Wine tells the volume
// of an open file by the name that it had, so that the file is taken for another one.
func skipOnWine(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine loses the identity of a file that is renamed")
	}
}

package cli

import "golang.org/x/sys/windows"

// scarcities are the errors of a start for which the command is not to blame.
var scarcities = []error{
	windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY,
	windows.ERROR_NO_SYSTEM_RESOURCES, windows.ERROR_COMMITMENT_LIMIT, windows.ERROR_NOT_ENOUGH_QUOTA,
	windows.ERROR_INVALID_HANDLE,
}

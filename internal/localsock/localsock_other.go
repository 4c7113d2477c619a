//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package localsock

import (
	"context"
	"errors"
	"net"
	"path/filepath"
)

func path(dir, _ string) string { return filepath.Join(dir, "sock") }

func listen(string) (net.Listener, error) { return nil, errors.ErrUnsupported }

func dial(context.Context, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

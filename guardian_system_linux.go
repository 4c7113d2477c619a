package procgroup

import "github.com/procgroup/procgroup/internal/helper"

// helperRoles are what a helper of this program can be.
var helperRoles = map[helper.Role]func(*helper.Conn){helper.Guardian: serveGuardian}

// guardianSystem is what a guardian does on one system only.
type guardianSystem struct{}

func (guardianSystem) begin(*guardianHelper)            {}
func (guardianSystem) obey(*guardianHelper, order, int) {}
func (guardianSystem) end()                             {}

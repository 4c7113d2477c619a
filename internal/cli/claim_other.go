//go:build !linux

package cli

// claimCgroups does nothing: there are none.
func (p *presence) claimCgroups() {}

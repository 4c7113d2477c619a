package cli

import "github.com/procgroup/procgroup/internal/cgroup2"

// claimCgroups makes known where the cgroups of this process are, so that what they hold can be
// killed if this process and its guardian were.
func (p *presence) claimCgroups() {
	own, err := cgroup2.Own()
	if err != nil {
		return // there are none
	}
	p.report(p.claim.SetCgroup(own.Path, cgroup2.OwnerPrefix()))
}

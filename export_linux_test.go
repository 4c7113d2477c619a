package procgroup

// WithoutCgroupKill makes groups do without cgroup.kill until restore is called, as on
// kernels before 5.14.
func WithoutCgroupKill() (restore func(), err error) {
	s, err := cgroupSite()
	if err != nil {
		return nil, err
	}
	before := s.features.Kill
	s.features.Kill = false
	return func() { s.features.Kill = before }, nil
}

// AlwaysWithReaper makes groups in cgroups have a reaper as well, until restore is called.
func AlwaysWithReaper() (restore func(), err error) {
	if err := pairedMechanism.probe(); err != nil {
		return nil, err
	}
	before := mechanisms[0]
	mechanisms[0] = pairedMechanism
	return func() { mechanisms[0] = before }, nil
}

package procgroup

import (
	"encoding/json"
	"time"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

// bequestCgroup is a cgroup, from before it is made to after it was removed.
const bequestCgroup bequestKind = "cgroup"

type cgroupBequest struct {
	Path, Name []byte
	CanKill    bool
}

func init() { estateKinds[bequestCgroup] = newCgroupEstate }

// cgroupEstate is a cgroup in the guardian.
type cgroupEstate struct{ cgroup }

func newCgroupEstate(body json.RawMessage) (estate, error) {
	var c cgroupBequest
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	dir := cgroup2.Dir{Path: string(c.Path), Name: string(c.Name)}
	return &cgroupEstate{cgroup{dir: dir, canKill: c.CanKill, fd: -1}}, nil
}

func (e *cgroupEstate) end() {
	for deadline := time.Now().Add(killWait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_ = e.kill()
		if e.dir.Remove(removeLimit) == nil {
			return
		}
	}
}

// entrust sees to it that the guardian removes the cgroup.
func (c *cgroup) entrust() (err error) {
	c.bequest, err = theGuardian.hold(bequestCgroup,
		cgroupBequest{[]byte(c.dir.Path), []byte(c.dir.Name), c.canKill})
	return err
}

package procgroup

import (
	"encoding/json"
	"time"

	"github.com/procgroup/procgroup/internal/cgroup2"
)

// holdCgroup is what the guardian is told of a cgroup, before it is made and after it was
// removed.
const holdCgroup orderOp = "cgroup"

type cgroupCharge struct {
	Path, Name []byte
	CanKill    bool
}

func init() { estateKinds[holdCgroup] = newCgroupEstate }

// cgroupEstate is a cgroup in the guardian.
type cgroupEstate struct{ cgroup }

func newCgroupEstate(body json.RawMessage, _ int) (estate, error) {
	var c cgroupCharge
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	dir := cgroup2.Dir{Path: string(c.Path), Name: string(c.Name)}
	return &cgroupEstate{cgroup{dir: dir, canKill: c.CanKill, fd: -1}}, nil
}

func (e *cgroupEstate) forget() {}

func (e *cgroupEstate) end() {
	for deadline := time.Now().Add(killWait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_ = e.kill()
		if e.dir.Remove(removeLimit) == nil {
			return
		}
	}
}

// entrust tells the guardian of the cgroup.
func (c *cgroup) entrust() {
	c.charge = theGuardian.hold(holdCgroup,
		cgroupCharge{[]byte(c.dir.Path), []byte(c.dir.Name), c.canKill}, -1)
}

package cli

import "github.com/spf13/cobra"

// controlVerbs returns the verbs that find groups which run holds, and control them.
func controlVerbs() []*cobra.Command {
	return []*cobra.Command{
		newPs(), newTree(), newStats(), newInspect(), newLogs(), newMetrics(),
		newPause(), newResume(), newStop(), newKill(), newSignal(), newWait(), newRm(),
	}
}

package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo is what "procgroup version --json" prints.
type versionInfo struct {
	Version string `json:"version"` // of the module; "(devel)" for a build from a checkout
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion() *cobra.Command {
	asJSON := false
	verb := &cobra.Command{
		Use:   "version",
		Short: "Print the version of procgroup",
		Args:  cobra.NoArgs,
		RunE: func(verb *cobra.Command, _ []string) error {
			v := currentVersion()
			if asJSON {
				enc := json.NewEncoder(verb.OutOrStdout())
				enc.SetIndent("", "  ")
				return failed(enc.Encode(v))
			}
			_, err := fmt.Fprintf(verb.OutOrStdout(), "procgroup %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			return failed(err)
		},
	}
	verb.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return verb
}

func currentVersion() versionInfo {
	v := versionInfo{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	return v
}

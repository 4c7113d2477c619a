package cli

import "github.com/spf13/cobra"

func newInit() *cobra.Command {
	return completeRun(&cobra.Command{
		Use:   "init [flags] [--] COMMAND [ARG...]",
		Short: "Run a command as the entry point of a container",
		Long: `Init does what run does, has the same flags, and passes every signal on. It is made
for the first process of a container, in the place of tini or dumb-init.

As process 1 of a PID namespace, which Linux alone has, init and run both split in two.
Process 1 reaps the orphans of the container and passes signals on to its child, which
is procgroup again and runs COMMAND. When that has ended, everybody who is left in the
container is killed, whatever --leftovers says, and process 1 exits with its status.
/proc has to be that of the namespace, as it is in a container.

A terminal is COMMAND's: a shell there has job control. Where nobody could continue
what Ctrl-Z stops, Ctrl-Z does nothing.

Not passed on are KILL and STOP, which nobody can catch; CHLD, PIPE, SEGV, BUS, FPE,
ILL, TRAP and SYS, which tell a process about itself; URG and PROF, which the Go
runtime uses, and 32 to 34, which C libraries do; TSTP, TTIN and TTOU, which are about
jobs; and CONT if a shell may have sent it to continue procgroup.

Exit status: that of run.`,
		Example: `  ENTRYPOINT ["procgroup", "init", "--"]
  procgroup init --grace 30s -- ./server --port 8080`,
	}, everySignal)
}

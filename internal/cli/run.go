package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/procgroup/procgroup"
)

// runOptions are the flags of the verbs run and init, and what sets these apart.
type runOptions struct {
	passedOn []os.Signal // the signals that go on to the group

	timeout     time.Duration // 0: no limit
	grace       time.Duration
	signal      syscall.Signal
	containment procgroup.Containment
	require     procgroup.Guarantees
	withReaper  bool
	cwd         string
	env         []string
	envFiles    []string
	leftovers   procgroup.Leftovers
	verbose     bool

	name         string // "" if it has none
	detached     bool   // run it detached
	daemon       bool   // this is the detached run
	ready        readiness
	readyTimeout time.Duration // 0: no limit
	restart      restartPolicy
	logTo        string // "" for the log of a detached run
	logSize      int64  // of one file, in bytes; 0 for the default
	events       string // "" for nowhere
}

func newRun() *cobra.Command {
	return completeRun(&cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG...]",
		Short: "Run a command in the foreground and leave nothing behind",
		Long: `Run runs COMMAND in a group of its own, in the foreground: standard input, output
and error, signals and the terminal are the command's, as if procgroup were not there.
When the command has ended, what it has left behind is killed (see --leftovers).

Flags end at the first argument that is not one.

INT, TERM, HUP, QUIT, USR1, USR2 and WINCH go to the whole group; a second INT or
TERM kills it. What procgroup was started to ignore, as with nohup, it ignores.

On Windows INT stands for Ctrl-C and Ctrl-Break, and goes on as Ctrl-Break; TERM stands
for the end of the console, a logoff and a shutdown, and asks windows to close as well.
--signal knows INT, TERM and KILL. Nobody may be there to be asked; the grace runs all the
same. A command in the current directory has to be named as a path: .\NAME.

As process 1 of a container, run is its init too: see 'procgroup init --help'.

Other verbs of procgroup, of the same user, see the run and control it, by its id or by
its --name: ps, tree, stats, pause, resume, stop, kill, signal, wait, logs and inspect. A
name belongs to one run at a time. With --detach the run goes on in the background, with no
input, and outlives the terminal; its output is kept for 'procgroup logs', in 4 files of
--log-size at most, until it is removed ('procgroup rm'), replaced by a run of the same name,
or 64 others have ended since. A run in the foreground is forgotten when it ends, and its
output is kept only where --log says. With --log or --ready its output goes through a pipe.

A run is ready when all has come that --ready, --ready-port and --ready-file name.

With --restart a command that has ended is started again, each time in a clean group, after
a delay: a tenth of a second at first, and doubled each time up to a minute, until the command
has run for 10 seconds. Who asks the run to end ends that too.

The time limit holds for the whole run. When it is over, the group is asked to end
(--signal), and what is left after --grace is killed. It stands still while the group is
paused, or Ctrl-Z has stopped the command.

An environment file has lines NAME=VALUE, with "export " in front or not; blank lines
and comments (#) mean nothing. A value may stand in single quotes, in which nothing is
special, or in double quotes, in which \n, \r, \t, \", \\, \$ and \` + "`" + ` are
characters. Files are read in the order given; --env comes after them.

Exit status: the command's own; 128+N when signal N ended it; 124 when --timeout did,
or the command was not ready in time; 125 when procgroup itself failed; 126 when COMMAND
was found but cannot be run; 127 when it was not found.`,
		Example: `  procgroup run make -j8
  procgroup run --timeout 10m --grace 30s -- npm test
  procgroup run --require no-escape --verbose ./start-daemons
  procgroup run --name web --detach --ready-port 8080 ./server`,
	}, passedOn)
}

// completeRun gives a verb what run and init have in common.
func completeRun(verb *cobra.Command, passedOn []os.Signal) *cobra.Command {
	o := runOptions{passedOn: passedOn, grace: procgroup.DefaultGrace, signal: syscall.SIGTERM}
	verb.DisableFlagsInUseLine = true
	verb.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("no command given")
		}
		return nil
	}
	verb.RunE = func(verb *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		if isPID1() && !o.detached {
			return runAsPID1(o, verb.ErrOrStderr())
		}
		if o.detached && !o.daemon {
			return o.detach(verb)
		}
		// First of all: a signal that comes meanwhile waits in the channel.
		signals := catchSignals(slices.Concat(o.passedOn, jobSignals))
		tellPID1()
		r := &runner{runOptions: o, stderr: verb.ErrOrStderr(), signals: signals}
		if o.daemon {
			r.parent = newParent()
		}
		var err error
		if r.command, err = o.command(args); err == nil {
			err = r.run()
		}
		r.parent.over(err, r.logFile)
		return err
	}
	o.addFlags(verb)
	return verb
}

func (o *runOptions) addFlags(verb *cobra.Command) {
	f := verb.Flags()
	f.SetInterspersed(false)
	f.SortFlags = false
	f.Var(durationValue(&o.timeout), "timeout", "end the group after `D`, such as 90s or 1h30m; 0 is no limit")
	f.Var(durationValue(&o.grace), "grace", "wait `D` between asking and killing; 0 kills at once")
	f.Var(signalValue(&o.signal), "signal", "the signal `S` that asks, a name or a number")
	f.Var(textValue("string", o.containment.String(), &o.containment), "containment",
		"what holds the group, `C`: auto, or one of those that doctor lists")
	f.Var(guaranteesValue(&o.require), "require", "fail without the guarantees `G,...`: "+guaranteeNames())
	f.BoolVar(&o.withReaper, "with-reaper", false, "with cgroup: hold those as well who move to another cgroup, as root can")
	f.StringVar(&o.cwd, "cwd", "", "run in the directory `D`")
	f.StringArrayVar(&o.env, "env", nil, "set a variable, `K=V`; repeatable")
	f.StringArrayVar(&o.envFiles, "env-file", nil, "set the variables in the file `F`; repeatable")
	f.Var(textValue("string", o.leftovers.String(), &o.leftovers), "leftovers",
		"what happens to those who outlive the command, `L`: kill, wait, leave")
	f.BoolVar(&o.verbose, "verbose", false, "tell on standard error what holds the group and who was killed")
	o.addNamedFlags(verb)

	complete := func(flag string, f cobra.CompletionFunc) {
		if err := verb.RegisterFlagCompletionFunc(flag, f); err != nil {
			panic(err) // there is no such flag
		}
	}
	choices := func(names ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)
	}
	complete("containment", completeContainment)
	complete("leftovers", choices("kill", "wait", "leave"))
	complete("signal", choices(signalChoices...))
	complete("require", choices(strings.Split(guaranteeNames(), ", ")...))
}

// addNamedFlags adds the flags for runs that others see, that are detached, or started again.
func (o *runOptions) addNamedFlags(verb *cobra.Command) {
	f := verb.Flags()
	f.Var(nameValue(&o.name), "name", "the name `N` by which other verbs know the run: a-z, 0-9, and _.- but in front")
	if verb.Name() == "run" {
		f.BoolVarP(&o.detached, "detach", "d", false, "run it in the background, and print its id when it has started, or is ready")
		f.BoolVar(&o.daemon, daemonFlag, false, "")
		_ = f.MarkHidden(daemonFlag)
	}
	f.Var(regexpValue(&o.ready.output), "ready", "ready when a line of the output matches the regular expression `R`")
	f.Var(addressValue(&o.ready.address), "ready-port", "ready when it accepts connections on the port `P`, or on HOST:PORT")
	f.StringVar(&o.ready.file, "ready-file", "", "ready when it has made or written the file `F`")
	f.Var(durationValue(&o.readyTimeout), "ready-timeout", "stop it if it is not ready after `D`; 0 is no limit")
	f.Var(textValue("string", o.restart.String(), &o.restart), "restart",
		"start it again when it has ended, `P`: no, on-failure, on-failure:N, always")
	f.StringVar(&o.logTo, "log", "", "keep its output in the file `F`, and in F.1 and so on what is older")
	f.Var(sizeValue(&o.logSize), "log-size", "begin another file of the log at `S`, such as 512k or 10m; 1m if not given")
	f.StringVar(&o.events, "events", "", "tell what happens, a JSON object a line, to the file `F`, - for standard output, or fd:N")
	choices := cobra.FixedCompletions([]string{"no", "on-failure", "always"}, cobra.ShellCompDirectiveNoFileComp)
	_ = verb.RegisterFlagCompletionFunc("restart", choices)
}

// check finds flags that do not go together.
func (o *runOptions) check() error {
	switch {
	case o.readyTimeout > 0 && !o.ready.wanted():
		return errors.New("--ready-timeout needs --ready, --ready-port or --ready-file")
	case o.logSize > 0 && o.logTo == "" && !o.detached:
		return errors.New("--log-size needs --log or --detach")
	case o.restart.on != restartNever && o.leftovers == procgroup.LeaveLeftovers:
		return errors.New("--restart starts each time in a clean group: --leftovers leave cannot be kept")
	case o.detached && (o.events == "-" || strings.HasPrefix(o.events, "fd:")):
		return errors.New("a detached run has no standard output, and inherits nothing: --events needs a file")
	}
	return nil
}

// completeContainment returns the containments that this system knows.
func completeContainment(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := []cobra.Completion{procgroup.Auto.String()}
	for _, s := range procgroup.Survey() {
		names = append(names, s.Containment.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// guaranteeNames returns the names of all guarantees there are.
func guaranteeNames() string {
	all := procgroup.NoEscape | procgroup.DiesWithOwner | procgroup.AtomicPause |
		procgroup.Accounting | procgroup.ResourceLimits
	return strings.ReplaceAll(all.String(), ",", ", ")
}

// command makes the command that the arguments and flags describe.
func (o *runOptions) command(args []string) (*exec.Cmd, error) {
	vars, err := o.variables()
	if err != nil {
		return nil, err
	}
	if o.cwd != "" {
		if err := checkDir(o.cwd); err != nil {
			return nil, failed(fmt.Errorf("--cwd: %w", err))
		}
	}
	cmd := lookUp(args, vars)
	cmd.Dir = o.cwd
	cmd.Env = append(cmd.Environ(), vars...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd, nil
}

// variables returns what the files and then the flags set.
func (o *runOptions) variables() ([]string, error) {
	var vars []string
	for _, name := range o.envFiles {
		more, err := readEnvFile(name)
		if err != nil {
			return nil, failed(fmt.Errorf("--env-file: %w", err))
		}
		vars = append(vars, more...)
	}
	for _, variable := range o.env {
		if err := checkEnv(variable); err != nil {
			return nil, fmt.Errorf("invalid argument %q for \"--env\" flag: %w", variable, err)
		}
		vars = append(vars, variable)
	}
	return vars, nil
}

func checkDir(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", name)
	}
	return nil
}

// lookUp finds the command in the PATH that it will have itself, as env(1) does.
func lookUp(args, vars []string) *exec.Cmd {
	for _, variable := range vars {
		if name, path, _ := strings.Cut(variable, "="); isPATH(name) {
			os.Setenv(name, path) // checkEnv has seen that it can be set
		}
	}
	cmd := newCommand(args)
	if errors.Is(cmd.Err, exec.ErrDot) {
		cmd.Err = nil // who has the current directory in PATH means it
	}
	return cmd
}

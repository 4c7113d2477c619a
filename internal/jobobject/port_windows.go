package jobobject

import (
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Message is what the system tells about a job (Windows page
// "JOBOBJECT_ASSOCIATE_COMPLETION_PORT"). It does not promise to deliver it, so a message is a
// hint to look; and those who heed them get an Unknown every now and then.
type Message uint32

// The messages that tell of processes. There are others.
const (
	Unknown       Message = 0 // there may be news
	NobodyLeft    Message = 4 // JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO
	NewProcess    Message = 6 // JOB_OBJECT_MSG_NEW_PROCESS
	ProcessExited Message = 7 // JOB_OBJECT_MSG_EXIT_PROCESS
	ProcessFailed Message = 8 // JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS
)

// port is the completion port that the messages about all jobs come to, and who heeds them.
// Its goroutine, which holds a thread, runs as long as there is a job.
type port struct {
	mu      sync.Mutex
	handle  windows.Handle // 0 if there are no jobs
	heed    map[uintptr]func(Message)
	lastKey uintptr // never given out twice
}

var thePort port

// endKey is the key of the message that ends a goroutine.
const endKey = 0

// recheck is how long nothing may be told before everybody is told to look.
const recheck = 500 * time.Millisecond

// associateCompletionPort is JOBOBJECT_ASSOCIATE_COMPLETION_PORT.
type associateCompletionPort struct {
	Key  uintptr
	Port windows.Handle
}

// add makes the messages about a job come to heed.
func (p *port) add(job windows.Handle, heed func(Message)) (key uintptr, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handle == 0 {
		p.handle, err = windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
		if err != nil {
			p.handle = 0
			return 0, os.NewSyscallError("CreateIoCompletionPort", err)
		}
		p.heed = make(map[uintptr]func(Message))
		go p.run(p.handle)
	}
	p.lastKey++
	info := associateCompletionPort{p.lastKey, p.handle}
	err = set(job, windows.JobObjectAssociateCompletionPortInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
	if err != nil {
		p.endIfIdle()
		return 0, err
	}
	p.heed[p.lastKey] = heed
	return p.lastKey, nil
}

// remove ends that. heed may be running.
func (p *port) remove(key uintptr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.heed, key)
	p.endIfIdle()
}

// endIfIdle ends the goroutine if there are no jobs. The caller holds mu.
func (p *port) endIfIdle() {
	if p.handle == 0 || len(p.heed) > 0 {
		return
	}
	if err := windows.PostQueuedCompletionStatus(p.handle, 0, endKey, nil); err == nil {
		p.handle = 0 // the goroutine closes it
	}
}

// run tells those who heed what comes to a port.
func (p *port) run(handle windows.Handle) {
	defer windows.CloseHandle(handle)
	for {
		var message uint32
		var key uintptr
		var process uintptr // comes where a pointer is expected, and must not be one for the runtime
		err := windows.GetQueuedCompletionStatus(handle, &message, &key,
			(**windows.Overlapped)(unsafe.Pointer(&process)), uint32(recheck.Milliseconds()))
		switch {
		case errors.Is(err, windows.WAIT_TIMEOUT):
			p.tellAll(handle)
		case err != nil:
			time.Sleep(recheck) // out of memory, if anything
			p.tellAll(handle)
		case key == endKey:
			return
		default:
			p.tell(key, Message(message))
		}
	}
}

func (p *port) tell(key uintptr, m Message) {
	p.mu.Lock()
	heed := p.heed[key]
	p.mu.Unlock()
	if heed != nil {
		heed(m)
	}
}

// tellAll tells everybody to look, if the port is the current one.
func (p *port) tellAll(handle windows.Handle) {
	p.mu.Lock()
	var all []func(Message)
	if p.handle == handle {
		for _, heed := range p.heed {
			all = append(all, heed)
		}
	}
	p.mu.Unlock()
	for _, heed := range all {
		heed(Unknown)
	}
}

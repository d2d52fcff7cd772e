package localredis

import "net"

// args configures Redis wholly on its command line: what the engine relies on is not left to a file on the machine.
func (s *Server) args() []string {
	args := []string{
		"--dir", s.dir,
		"--daemonize", "no",
		"--save", "", // durability is the append-only file's business
		"--maxmemory-policy", "noeviction", // an evicted key would be a lost execution
		"--appendonly", yesNo(s.persist),
		"--appendfsync", "everysec",
	}
	if s.network == "unix" {
		return append(args, "--port", "0", "--unixsocket", s.addr, "--unixsocketperm", "700")
	}
	host, port, _ := net.SplitHostPort(s.addr)
	return append(args, "--bind", host, "--port", port)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// freeAddr asks the kernel for a port that nobody uses now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

package main

func demoCommand() *command {
	return &command{name: "demo", short: "x", run: func(*call) error { return nil }}
}

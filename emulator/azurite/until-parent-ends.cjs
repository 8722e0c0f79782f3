// Loaded before Azurite. Its standard input is a pipe that nobody writes to: it ends when the process that started
// Azurite ends, however that happens, so no storage emulator is ever left behind.
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
process.stdin.unref(); // waiting for that end must not keep Azurite from ending by itself

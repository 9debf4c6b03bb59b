// The images' HEALTHCHECK: exit code 0 once the service is ready, 1 while it loads, drains or hangs.
// The port is that of the environment; a container started with --admin-port needs its own check.

const port = process.env.CHORUS_ADMIN_PORT || '9090';

try {
  const { ok } = await fetch(`http://localhost:${port}/readyz`);
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}

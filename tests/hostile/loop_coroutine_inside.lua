-- The loop runs in a coroutine, not in the main thread that the watchdog knows.
-- expect: overrun

return { tick = function() coroutine.wrap(function() while true do end end)() end }

-- Each loop that is stopped makes room for the next coroutine.
-- expect: overrun

return { tick = function() while true do coroutine.resume(coroutine.create(function() while true do end end)) end end }

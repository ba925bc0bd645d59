-- A coroutine that yields for ever.
-- expect: overrun

return { tick = function() local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end end }

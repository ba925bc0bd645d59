-- Yields out of a callback.
-- expect: error

return { tick = function() coroutine.yield(1) end, inputs = { fire = field.press() }, input = function() coroutine.yield() end }

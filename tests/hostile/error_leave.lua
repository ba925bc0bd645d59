-- Fails in leave.
-- expect: error

return { leave = function() error "leave" end }

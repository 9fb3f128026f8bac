% rebase('layout', title='Message ' + str(message.id))
% include('message', message=message)
  <p class="back"><a href="{{url('index')}}">← All messages</a></p>
